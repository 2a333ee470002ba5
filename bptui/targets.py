"""TARGET of the shell commands: an example, a file or a formula, and how to load it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bptui import arguments
from bptui.model.base.errors import UserError

if TYPE_CHECKING:
    from bptui.model.source.network import Network


def network_of(options: Namespace, words: Sequence[str]) -> tuple[str, Callable[[], Network]]:
    """The name of what is wanted, and how to load it; nothing that needs NumPy happens before that is called."""
    source = getattr(options, "formula", None)
    if source is None:
        if not words:
            raise UserError("TARGET", "is missing", "an example's name or a network file; bptui examples")
        if len(words) > 1:
            command = getattr(options, "command", "run")
            right = f"bptui {command} {words[0][:60]}; a formula: bptui eval, or --formula"
            raise UserError(words[1][:60], "is one argument too many", right)
        for option in ("values", "train", "lr"):
            if getattr(options, option, None) is not None:
                raise UserError(f"--{option}", "belongs to a formula", 'bptui eval "…", or --formula "…"')
        target = words[0]
        return target, lambda: load_named(target)
    given = arguments.together(words, options.values)
    train, rate = arguments.names(options.train), 0.1 if options.lr is None else options.lr
    if not 0 < rate < float("inf"):
        raise UserError("--lr", f"found {rate}", "a number greater than 0")

    def load() -> Network:
        from bptui.model.source.network import from_formula

        return from_formula(source, given, train, learning_rate=rate)

    return "formula", load


def load_named(target: str) -> Network:
    """The network of an example's name, of a network file, or of a captured step. UserError where there is none.
    Imports NumPy."""
    from bptui.model.source.captured.network import is_captured
    from bptui.model.source.network import load

    if not is_captured(target):
        return load(target)
    from bptui.model.source.captured.network import network_of
    from bptui.model.source.captured.ranks import open_captured

    return network_of(open_captured(target), Path(target).name)


def is_there(target: str) -> bool:
    """Is it an example or a file? Told without NumPy."""
    try:
        example = Path(__file__).parent / "networks" / f"{target}.toml"
        return example.is_file() or Path(target).exists()
    except (OSError, ValueError):
        return False
