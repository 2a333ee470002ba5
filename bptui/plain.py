"""The debugger line by line: for pipes, `TERM=dumb`, scripts and screen readers. The same session, the same commands.

Every move says where it has come to and what happens there, in words and numbers; nothing depends on a place on a
screen, on colour, or on a cursor.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from bptui import said
from bptui.model.base.errors import UserError
from bptui.model.base.printable import printable
from bptui.model.base.spans import Span
from bptui.model.base.spans import plain as text_of
from bptui.model.debugger import export
from bptui.model.debugger.commands import registry
from bptui.model.debugger.commands.completion import complete
from bptui.model.debugger.commands.front_end import FrontEnd
from bptui.model.debugger.commands.help import help_text
from bptui.model.debugger.session import Session
from bptui.model.source.network import Network
from bptui.symbolic.service import Service

PROMPT = "(bptui) "
CHANGES = ("select", "by", "raw")
"""Commands that change what is to be told of the same Moment: it is told again."""


class Plain(FrontEnd):
    """One session on two streams. `read` gives command lines, `write` prints a line, `complain` prints a message."""

    def __init__(
        self, session: Session, write: Callable[[str], None], complain: Callable[[str], None], unicode: bool = True
    ) -> None:
        self.session, self.write, self.complain, self.unicode = session, write, complain, unicode
        self.service = Service()
        self.done = False
        self.last = ""

    def announce(self) -> None:
        """Say where we are and what happens here."""
        for row in said.moment(self.session, self.service, self.unicode):
            self.write(text_of(row).rstrip())

    def command(self, text: str) -> None:
        """Carry out one command line; UserError where that cannot be. An empty one repeats the last move, as in gdb."""
        text = text.strip() or self.last
        reply = registry.run(self.session, text)
        self.last = text if reply.moved else ""
        if reply.asks is not None:
            reply.asks(self)
            return
        if reply.moved:
            for row in reply.lines[:1]:
                note = text_of(row).removeprefix(text_of(self.session.where())).strip()
                if note:
                    self.write(note)
            self.announce()
            return
        for row in reply.lines:
            self.write(text_of(row).rstrip())
        command, _ = registry.split(text)
        if command is not None and command.word in CHANGES and reply.ok:
            self.announce()

    def do_quit(self) -> None:
        """End it."""
        self.done = True

    def do_help(self, word: str) -> None:
        """Print the table of commands, or what one of them does."""
        for row in help_text(word):
            self.write(row.rstrip())

    def do_copy(self, form: str) -> None:
        """Print what a screen would copy."""
        self.write(export.copied(self.session, form or "text").rstrip())


def run(network: Network, lines: Sequence[str], *, batch: bool, unicode: bool) -> int:
    """Debug on stdin and stdout, `lines` first; returns the exit code.

    It says first where we are, unless a batch has commands of its own. Without a reader at the terminal (a pipe, a
    script, `--batch`) the first command that fails ends it, with 2.
    """
    _leave_on_signals()
    stdin = sys.stdin
    if stdin is None and not batch:
        raise UserError("stdin", "there is nothing to read commands from", "a terminal, a pipe, or --batch with -ex")
    watched = not batch and stdin.isatty()
    front = Plain(Session(network), _writer(sys.stdout, unicode), _writer(sys.stderr, unicode), unicode)
    if not batch or not lines:
        front.announce()
    for text in (*lines,) if batch else _lines(lines, stdin, watched, front):
        try:
            front.command(text)
        except UserError as error:
            if not watched:
                raise
            front.complain(f"error: {error}")
        except KeyboardInterrupt:
            if not watched:
                raise
            front.complain("interrupted")
        if front.done:
            break
    front.service.close()
    return 0


def _lines(first: Sequence[str], stdin: TextIO, prompt: bool, front: Plain) -> Iterator[str]:
    """Command lines: those given, then those of stdin up to its end."""
    yield from first
    ask = _editor(front.session) if prompt and stdin is sys.__stdin__ else None
    ask = ask or _reader(stdin)
    while True:
        try:
            text = ask(PROMPT if prompt else "")
        except UnicodeDecodeError:
            raise UserError("stdin", "is not text", "commands in UTF-8") from None
        except KeyboardInterrupt:
            if not prompt:
                raise
            front.complain("\nq leaves")
            continue
        if not text:
            if prompt:
                print()
            return
        if text.strip() or prompt:
            yield text


def _reader(stdin: TextIO) -> Callable[[str], str]:
    """Lines as they come; "" at the end."""

    def ask(prompt: str) -> str:
        if prompt:
            print(prompt, end="", flush=True)
        return stdin.readline(registry.MAX_LENGTH + 2)

    return ask


def _editor(session: Session) -> Callable[[str], str] | None:
    """Lines that are edited and completed while they are typed, where the system can (readline); "" at the end."""
    try:
        import readline
    except ImportError:
        return None
    found: list[str] = []

    def candidate(_: str, number: int) -> str | None:
        nonlocal found
        if number == 0:
            text = readline.get_line_buffer()
            start = len(text.lstrip(": ").rpartition(" ")[0])
            found = [line[start:].lstrip() if start else line for line in complete(session, text)]
        return found[number] if number < len(found) else None

    readline.set_completer_delims(" ")
    readline.set_completer(candidate)
    readline.parse_and_bind("tab: complete")

    def ask(prompt: str) -> str:
        try:
            return input(prompt) + "\n"
        except EOFError:
            return ""

    return ask


def _writer(stream: TextIO, unicode: bool) -> Callable[[str], None]:
    def write(text: str) -> None:
        text = printable(text, keep="\n")
        if not unicode:
            from bptui.screens.render import to_ascii

            text = text_of(to_ascii((Span(text),)))
        print(text, file=stream, flush=True)

    return write


def _leave_on_signals() -> None:
    """SIGTERM and SIGHUP end it at once, with the exit code that says so, and without a word."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), leave)
