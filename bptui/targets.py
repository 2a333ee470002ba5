"""TARGET of the shell commands: an example, a file or a formula, and how to load it."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bptui import formula_words
from bptui.model.base.errors import UserError

if TYPE_CHECKING:
    from bptui.model.source.network import Network


NOTHING: Mapping[str, str] = {}


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
        for option in ("values", "train", "lr", "optimizer", "dtype"):
            if getattr(options, option, None) is not None:
                raise UserError(f"--{option}", "belongs to a formula", 'bptui eval "…", or --formula "…"')
        target, also = words[0], more_keys(options)
        return target, lambda: load_named(target, also)
    if more := more_keys(options):
        raise UserError(f"--{next(iter(more)).replace('_', '-')}", "goes with layers", "a formula: --values FILE")
    given = formula_words.together(words, options.values)
    train, optimizer = formula_words.names(options.train), formula_words.optimizer(options.optimizer, options.lr)

    def load() -> Network:
        from bptui.model.source.network import from_formula

        return from_formula(source, given, train, optimizer=optimizer, dtype=options.dtype or "float64")

    return "formula", load


def more_keys(options: Namespace) -> dict[str, str]:
    """The keys of a network file that the command line adds to it: its weights, where from and how they lie."""
    found = {key: getattr(options, key, None) for key in ("weights", "weight_layout")}
    if found["weights"] is not None:
        found["weights"] = str(Path(found["weights"]).absolute())
    return {key: value for key, value in found.items() if value is not None}


def load_named(target: str, more: Mapping[str, str] = NOTHING) -> Network:
    """The network of an example's name, of a network file with `more` keys, or of a captured step. UserError where
    there is none. Imports NumPy."""
    from bptui.model.source.captured.network import is_captured
    from bptui.model.source.network import load

    if not is_captured(target):
        return load(target, more)
    if more:
        raise UserError(
            f"--{next(iter(more)).replace('_', '-')}", "a captured step has its own numbers", "leave it out"
        )
    from bptui.model.source.captured.network import network_of
    from bptui.model.source.captured.ranks import open_captured

    return network_of(open_captured(target), Path(target).name)


def is_there(target: str) -> bool:
    """Is it an example or a file? Told without NumPy."""
    example = Path(__file__).parent / "networks" / f"{target}.toml"
    return os.path.isfile(example) or os.path.exists(target)
