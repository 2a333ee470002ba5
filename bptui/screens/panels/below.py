"""What stands below a number in a picture of the network: its gradient, or by how much a branch changed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bptui.model.base.spans import Line, Span
from bptui.model.engine.graph import Node
from bptui.screens.panels.cells import signed
from bptui.screens.panels.figures import figure, kind_of
from bptui.screens.panels.rows import held_against

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session


class Below(NamedTuple):
    """The lower numbers of a Moment. `held`: they are changes, for the branch is held against another one."""

    session: Session
    held: bool

    @classmethod
    def of(cls, session: Session) -> Below:
        """Those that the operations view shows in its right column."""
        return cls(session, held_against(session) is not None)

    @property
    def sign(self) -> str:
        """What stands before their symbol."""
        return "Δ" if self.held else "∂"

    def array(self, node: Node) -> Any:
        """Those of a node; None where they are not there (yet)."""
        if not self.held:
            return None if self._forward else self.session.state.shown_gradient(node).array
        comparison = self.session.comparison
        pair = comparison.seen(node, self.session.state) if comparison is not None else None
        return None if pair is None or pair.before is None else pair.change

    def awaited(self, node: Node) -> bool:
        """Is there to be one, so that `·` stands for it until then?"""
        return self.held or not (self._forward or not self.session.state.gradient(node).total)

    def partial(self, node: Node) -> bool:
        """Are not all contributions to a gradient in that is shown?"""
        if self.held or self._forward:
            return False
        found = self.session.state.gradient(node)
        return found.array is not None and not found.final

    def figure(self, node: Node, x: float | None, width: int, decimals: int, bold: bool) -> Line:
        """One of them, in `width` cells."""
        if self.held and x is not None:
            return (signed(x, decimals, kind_of(node), width),)
        return figure(x, width, decimals, "gradient bold" if bold else "gradient")

    @property
    def _forward(self) -> bool:
        return self.session.cursor.phase == "forward"


def partly(line: Line) -> Line:
    """A number of which more contributions are to come."""
    return (*line, Span("…", "kink bold"))
