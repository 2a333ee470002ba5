"""Between bptui and others: a model of Keras or PyTorch as a network file, weights as a PyTorch state_dict."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError
from bptui.model.base.files import refuse_taken, write_new
from bptui.model.base.printable import one_line

if TYPE_CHECKING:
    from bptui.model.source.network import Network


def convert(options: Namespace, write: Callable[[str], None]) -> int:
    """Print the network file of a model, or write it to `--to FILE`; 1 where a part of it has no counterpart,
    which is told there."""
    if not options.rest or len(options.rest) > 2:
        told = "is missing" if not options.rest else "is one argument too many"
        raise UserError("FILE" if not options.rest else options.rest[2][:60], told, "bptui convert FILE [MODEL]")
    file, *model = options.rest
    if options.to is not None:
        if not options.to.endswith(".toml"):
            raise UserError("--to", f"'{options.to[:60]}' is no name of a network file", "a name that ends in .toml")
        refuse_taken(options.to, "--to")
    from bptui.model.source.convert import convert

    made = convert(Path(file), file[:100], *model)
    if options.to is None:
        write(made.text.rstrip("\n"))
    else:
        write_new(options.to, lambda out: out.write(made.text.encode()), "--to")
        write(f"{made.what} written to {options.to}")
        for told in made.missing:
            write(f"MISSING: {one_line(told, 150)}")
    return 1 if made.missing else 0


def export_weights(network: Network, at: int, file: str | None, write: Callable[[str], None]) -> int:
    """Write the weights that training step `at` starts with to a file, as a PyTorch state_dict."""
    from bptui.model.base.spans import plain
    from bptui.model.debugger.answers.export import write as written
    from bptui.model.debugger.session import Session
    from bptui.printing import progress

    if file is None or not file.endswith((".safetensors", ".npz")):
        raise UserError("--to", "weights are no text", "--to FILE.safetensors or FILE.npz")
    session = Session(network)
    session.progress = progress()
    if at:
        session.goto(f"step {at}")
    write(plain(written(session, file).lines[0]))
    return 0
