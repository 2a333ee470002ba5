"""What a front end has around it besides the network: what is wished for, and what outlives it."""

from __future__ import annotations

import os
import shlex
import shutil
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bptui import config, keeper
from bptui.keeper import Keeper, Typed
from bptui.screens.bindings import DEFAULT, Bindings
from bptui.terminal import check_theme, glyphs

if TYPE_CHECKING:
    from bptui.recorder import Recorder
    from bptui.screens.player import Player


class Surroundings(NamedTuple):
    """keeper   of the session of this target; None where none is kept or offered
    recorder writes down what is done;  player  plays what was written down
    bindings which key does what;  typed  what was typed in the `:` line in earlier sessions
    notices  what is to be said at the start, a line each
    opens    the line that opens it again at home, "" where it is not kept
    theme    the name of the colours that are wished for, None for those that suit the terminal
    no_color draw without colours;  unicode  there may be more glyphs than ASCII has
    """

    keeper: Keeper | None = None
    recorder: Recorder | None = None
    player: Player | None = None
    bindings: Bindings = DEFAULT
    typed: Typed | None = None
    notices: tuple[str, ...] = ()
    opens: str = ""
    theme: str | None = None
    no_color: bool = False
    unicode: bool = True


ALONE = Surroundings()
"""Nothing is kept, nothing is read: a test, a batch."""


def identity_of(command: str, target: str) -> tuple[str, str]:
    """The name of a target, and what makes it this one: an example, a file wherever one stands, a formula."""
    if command == "eval":
        return "formula", f"formula {target}"
    example = Path(__file__).parent / "networks" / f"{target}.toml"
    return target, f"example {target}" if os.path.isfile(example) else f"file {os.path.realpath(target)}"


def configured(options: Namespace) -> config.Config:
    """The configuration, which the command line goes before. A batch has none. UserError for an unknown theme."""
    found = config.Config() if options.batch else config.load()
    options.theme = options.theme or found.theme
    options.ascii, options.no_color = options.ascii or found.ascii, options.no_color or not found.color
    options.no_save = options.no_save or options.batch or not found.save
    if options.theme is not None:
        check_theme(options.theme)
    return found


def around_of(options: Namespace, wished: config.Config, identity: tuple[str, str] | None) -> Surroundings:
    """Keys, notices, and who keeps and who records the session, if anyone. What is recorded begins anew: no offer."""
    recorder = None
    if options.record is not None:
        size = shutil.get_terminal_size()
        from bptui.recorder import Recorder

        recorder = Recorder(options.record, words_of(options), (size.columns, size.lines))
    return Surroundings(
        keeper=keeper.keeper(*identity) if identity is not None and recorder is None and not options.no_save else None,
        recorder=recorder,
        bindings=wished.bindings,
        typed=None if options.no_save else keeper.typed(),
        notices=wished.notice,
        opens="" if options.no_save or identity is None else _line_of(options),
        theme=options.theme,
        no_color=options.no_color,
        unicode=glyphs(options),
    )


def _line_of(options: Namespace) -> str:
    """The line that opens the same network at home."""
    command, target, *more = words_of(options)
    return target if command == "run" and not more else shlex.join([command, target, *more])


def words_of(options: Namespace) -> list[str]:
    """The words of the shell that open the same network again."""
    if getattr(options, "formula", None) is None:
        given = {
            "--weights": getattr(options, "weights", None),
            "--weight-layout": getattr(options, "weight_layout", None),
        }
        return [
            "run",
            *options.rest,
            *(word for key, value in given.items() if value is not None for word in (key, value)),
        ]
    keys = ("values", "train", "lr", "optimizer", "dtype")
    given = {f"--{key}": getattr(options, key) for key in keys}
    more = [word for key, value in given.items() if value is not None for word in (key, str(value))]
    return ["eval", *options.rest, *more]
