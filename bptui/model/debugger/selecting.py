"""What one looks at from where one stands: a node, an element of it, an input, a finding, the page of a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger import locations
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.standpoint import Standpoint
from bptui.model.engine.graph import Node
from bptui.model.engine.nonfinite import NonFinite

if TYPE_CHECKING:
    from bptui.model.debugger.findings.finding import Finding


class Selecting(Standpoint):
    """A Standpoint whose selection can be changed."""

    @property
    def chosen_finding(self) -> Finding | None:
        """The finding of the diagnosis that is looked at, None where there is none."""
        found = self.branch.diagnosis.findings if self.branch.diagnosis is not None else ()
        return found[min(self.view.finding, len(found) - 1)] if found else None

    def choose_finding(self, number: int) -> None:
        """Look at a finding of the diagnosis; its element is selected where its node is shown."""
        self.view.finding = number
        finding = self.chosen_finding
        if finding is not None and finding.element is not None and finding.node == self.here.name:
            self.select_element(finding.element)

    def show(self, finding: NonFinite) -> None:
        """Select the number of a finding at this Moment."""
        here, position = self.here, finding.position
        self.selection.pinned = None
        if position is not None and position in self.inputs:
            self.select_input(self.inputs.index(position))
        if self.source(finding).shape == here.shape:
            self.select_element(finding.at)
        self.selection.at_finding = True

    def select(self, node: Node | int | str | None = None, element: Sequence[int] | None = None) -> Reply:
        """Pin a node (by node, id or name), with an element; without a node, follow the Moment again."""
        if isinstance(node, str):
            named, at = locations.element(self.graph, node, "select") if node.strip() else (None, None)
            return self.select(named, at)
        if isinstance(node, int):
            node = self.graph.nodes[node]
        self.selection.pinned = None if node is None or node.id == self.here.id else node.id
        self.selection.at_finding = False
        self.view.page, self.view.row = 0, ""
        if element is not None:
            self._follow(self.node, element)
            self.selection.element = tuple(element)
        return say(self.selected())

    def selected(self) -> Line:
        """`layer1.a [0,1] (4,8)`, and whether it is pinned."""
        at, shape = locations.index(self.element), locations.shape(self.node.shape)
        pinned = [Span("  pinned (esc follows the moment)", "dim")] if self.selection.pinned is not None else []
        return line((self.node.name, "bold"), f"{at} {shape}", *pinned)

    def select_element(self, element: Sequence[int]) -> Reply:
        """Select an element of the selected node; what lies outside is clipped to it."""
        self._follow(self.node, element)
        self.selection.element = locations.fit(tuple(element), self.node.shape)
        self.selection.at_finding = False
        self.view.page = 0
        return say(self.selected())

    def move_element(self, axis: int, by: int) -> Reply:
        """Move the selected element along an axis (-1 the columns, -2 the rows); stops at the edges."""
        at = list(self.element)
        if -len(at) <= axis < len(at):
            at[axis] += by
        return self.select_element(at)

    def select_input(self, position: int) -> Reply:
        """Choose the input whose derivative is shown; counted among those that have one, and stops at the ends."""
        known = self.inputs
        if not known:
            return say(f"{self.about.name} has no input with a derivative", ok=False)
        self.selection.input = max(0, min(position, len(known) - 1))
        self.view.page = 0
        return say(f"derivative by {self.graph.nodes[self.about.inputs[known[self.selection.input]]].name}")

    def present(self, on: bool, topic: Literal["operation", "loss"] = "operation") -> None:
        """Present mode; it is always about the Moment, or the loss of its training step, so nothing stays pinned."""
        self.view.present = self.view.asks = on
        self.view.topic, self.view.says = topic, 0
        self.selection.pinned = None

    def _follow(self, node: Node, element: Sequence[int]) -> None:
        """Where one sample is followed: the sample of a named element is the one that is followed from now on."""
        if self.followed(node) is not None and len(element) == len(node.shape):
            self.view.sample = self.view.predicted = locations.fit(tuple(element), node.shape)[0]
