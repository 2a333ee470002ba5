"""The selected tensor as text or a file: copied, or written to a new .json, .npy or .txt file."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.files import write_new
from bptui.model.base.printable import json_text
from bptui.model.base.types import Array
from bptui.model.debugger.hidden import REASON
from bptui.model.debugger.reply import Reply, say
from bptui.model.engine.masked import kept_back
from bptui.model.source import weights

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MAX_WRITTEN = 10_000_000
"""Numbers that one copy may have."""


def copied(session: Session, form: str = "text") -> str:
    """The selected tensor as it is copied: its element as `text`, all of it as `numpy`, `json` or `latex`.

    Raises UserError where it is not computed yet or is too large to be text.
    """
    node = session.node
    value = session.state.value(node)
    if value is None:
        raise UserError("copy", f"{node.name} is not computed yet", "step to it first")
    if value.size > MAX_WRITTEN:
        raise UserError("copy", f"{node.name} has {value.size:,} numbers", f"at most {MAX_WRITTEN:,}")
    if form == "numpy":
        if kept_back(value).any():
            raise UserError("copy", f"a number of {node.name} is {REASON}", "copy text, json or latex")
        with np.printoptions(threshold=value.size + 1, floatmode="unique"):
            return f"{node.name.replace('.', '_')} = np.{value!r}" if value.ndim else numbers.exact(value[()])
    if form == "json":
        return json_text(jsonable(value))
    if form == "latex":
        return _latex(value)
    if form != "text":
        forms = ("text", "latex", "numpy", "json")
        raise UserError("copy", f"'{form[:40]}' is not a form", did_you_mean(form, forms, ", ".join(forms)))
    return numbers.exact(value[session.element]) if value.size else "[]"


def _latex(value: Array) -> str:
    """A number, or a matrix of rows (a vector is one row; of more axes, one matrix after the other)."""
    if value.ndim > 2:
        return "\n".join(_latex(part) for part in value)
    rows = np.atleast_2d(value)
    cells = [[_latex_number(numbers.significant(float(x))) for x in row] for row in rows]
    if not value.ndim:
        return cells[0][0]
    return r"\begin{bmatrix} " + r" \\ ".join(" & ".join(row) for row in cells) + r" \end{bmatrix}"


def _latex_number(text: str) -> str:
    special = {"NaN": r"\mathrm{NaN}", "inf": r"\infty", "-inf": r"-\infty"}
    mantissa, e, power = text.partition("e")
    return special.get(text) or (rf"{mantissa} \cdot 10^{{{power}}}" if e else text)


def jsonable(array: Any) -> Any:
    """Nested lists of floats, with "nan", "inf", "-inf" for what JSON has no number for; whole numbers stay whole."""
    values = np.asarray(array)
    if values.dtype.kind not in "fc" or bool(np.isfinite(values).all()):
        return values.tolist()
    if values.ndim:
        return [jsonable(part) for part in values]
    return numbers.special(float(values)).lower()


def write(session: Session, text: str) -> Reply:
    """write: the selected tensor into a new file, or all weights into one of theirs; the name says the form"""
    if Path(text).suffix in (".safetensors", ".npz"):
        return _weights(session, text)
    node, form = session.node, Path(text).suffix
    value = session.state.value(node)
    if value is None:
        raise UserError("write", f"{node.name} is not computed yet", "step to it first")
    if form not in (".json", ".npy", ".txt"):
        raise UserError(
            "write",
            f"'{form}' is not a form",
            "a name that ends in .json, .npy or .txt; of all weights .safetensors or .npz",
        )

    def fill(file: IO[bytes]) -> None:
        if form == ".npy":
            np.save(file, value, allow_pickle=False)
        elif form == ".json":
            file.write((copied(session, "json") + "\n").encode())
        else:
            np.savetxt(file, np.atleast_1d(value).reshape(-1, value.shape[-1] if value.ndim else 1), fmt="%.17g")

    write_new(text, fill, "write")
    return say(f"{node.name} {numbers.shape(node.shape)} written to {text}")


def _weights(session: Session, text: str) -> Reply:
    """The weights of all layers as they are at this Moment, as a PyTorch state_dict."""
    tensors = weights.state_dict(session.graph, session.state.value)
    if any(kept_back(value).any() for value in tensors.values()):
        raise UserError("write", f"a number of the weights is {REASON}", "later")
    write_new(text, weights.fill(tensors, Path(text).suffix), "write")
    count = sum(value.size for value in tensors.values())
    step = session.walk.called(session.cursor.step)
    return say(f"{len(tensors)} tensors with {count:,} numbers, as in {step}, written to {text}")
