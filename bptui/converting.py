"""`bptui convert`: a model of Keras or PyTorch as a network file."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from bptui.model.base.errors import UserError
from bptui.model.base.files import refuse_taken, write_new
from bptui.model.base.printable import one_line


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
