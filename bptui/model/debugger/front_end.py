"""What a front end does itself, because it is about its window and not about the session.

A front end overrides what it can do; what is left refuses in the same words everywhere.
"""

from __future__ import annotations

from bptui.model.base.errors import UserError


class FrontEnd:
    """The front end as commands see it: `commands.panels`, `.keep` and `.other` call these."""

    def do_quit(self, text: str) -> None:
        """Leave the debugger."""
        raise _needs_a_screen("quit")

    def do_help(self, text: str) -> None:
        """Show the table of commands, or what one of them does."""
        raise _needs_a_screen("help")

    def do_claim(self, text: str) -> None:
        """Judge a claim about the gradient of the selected number, or of the one that it names."""
        raise _needs_a_screen("claim")

    def do_palette(self, text: str) -> None:
        """Open the palette."""
        raise _needs_a_screen("palette")

    def do_command(self, text: str) -> None:
        """Open the command line."""
        raise _needs_a_screen("command")

    def do_focus_next(self, text: str) -> None:
        """Go to the next panel."""
        raise _needs_a_screen("focus-next")

    def do_focus_previous(self, text: str) -> None:
        """Go to the panel before."""
        raise _needs_a_screen("focus-previous")

    def do_present(self, text: str) -> None:
        """Present mode: on, off, or the other of the two; of the loss."""
        raise _needs_a_screen("present")

    def do_autoplay(self, text: str) -> None:
        """Turn the pages of present mode every so many seconds, or stop it."""
        raise _needs_a_screen("autoplay")

    def do_findings(self, chosen: bool) -> None:
        """Show what the diagnosis has found: all of it, or the chosen finding."""
        raise _needs_a_screen("findings")

    def do_theme(self, text: str) -> None:
        """Take a theme, the next one where none is named."""
        raise _needs_a_screen("theme")

    def do_explore(self, text: str) -> None:
        """Open an explorer on the session's network, as it is at this training step."""
        raise _needs_a_screen("explore")

    def do_play(self, text: str) -> None:
        """Open the playground with the session's network, at this training step."""
        raise _needs_a_screen("play")

    def do_copy(self, text: str) -> None:
        """Copy the selected number or tensor: as text, latex, numpy or json."""
        raise _needs_a_screen("copy")

    def do_export(self, text: str) -> None:
        """Write what is asked for to a file: as Markdown, LaTeX or SVG."""
        raise _needs_a_screen("export")

    def do_expect(self, text: str) -> None:
        """Fail where a text is not shown, or an expression has another value."""
        raise _needs_a_screen("expect")

    def do_copy_panel(self, text: str) -> None:
        """Copy the text of the panel."""
        raise _needs_a_screen("copy-panel")


def _needs_a_screen(word: str) -> UserError:
    return UserError(word, "needs a screen", "bptui run without --plain, in a terminal")
