"""The derivation of one number, to read, to paste, or to typeset: `bptui explain TARGET NODE[i,j]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from bptui.model.base import numbers
from bptui.model.debugger import locations
from bptui.model.engine.recording import Recording
from bptui.model.source.network import Network
from bptui.symbolic.derivation import latex, markdown, text
from bptui.symbolic.derivation.document import Document
from bptui.symbolic.derivation.number import sections
from bptui.symbolic.service import Service

Format = Literal["text", "markdown", "latex"]
WRITERS: Mapping[Format, Callable[[Document], str]] = {
    "text": text.written, "markdown": markdown.written, "latex": latex.written
}  # fmt: skip


def explain(network: Network, place: str, form: Format = "text", unicode: bool = True) -> str:
    """The derivation of `NODE[i,j]` in the first training step of a network. UserError where there is none."""
    return explained(network.program().record(), network.name, place, form, unicode)


def explained(
    recording: Recording, name: str, place: str, form: Format = "text", unicode: bool = True, first: int = 0
) -> str:
    """The derivation of `NODE[i,j]` in a training step of the network of that name. first: the number of its first
    training step, of a captured one that in its program."""
    return WRITERS[form](derivation(recording, name, place, unicode, first))


def derivation(recording: Recording, name: str, place: str, unicode: bool = True, first: int = 0) -> Document:
    """The same before it is written."""
    node, at = locations.element(recording.graph, place, "NODE[i,j]")
    element = locations.fit(at if at is not None else (), node.shape)
    service = Service()
    try:
        parts = tuple(sections(recording, node, element, service, unicode))
    finally:
        service.close()
    return Document(f"{node.name}{numbers.index(element)} of {name}, training step {first + recording.step}", parts)
