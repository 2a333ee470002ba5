"""What a user wants changed, as it was said."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.engine.graph import Node
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment
from bptui.model.source.network import Network


class EditRequest:
    """`NAME[i,j] = VALUE`, said at a Moment of a branch; `at` is `[i,j]` or "". The training steps before its edit a
    branch has from another one, which is what is changed there: `branch` is the one that trained the Moment's step."""

    def __init__(self, name: str, at: str, value: str, branch: Branch, moment: Moment) -> None:
        self.name, self.at, self.value = name, at, value
        self._said_in, self.branch, self.moment = branch, branch.at(moment.step), moment

    @property
    def said(self) -> str:
        """As `set` takes it again."""
        return f"{self.name}{self.at} = {self.value}"

    def network(self, step: int) -> Network:
        """What trained a training step."""
        return self._said_in.at(step).network

    @property
    def where(self) -> str:
        """What messages about the value begin with."""
        return f"set {self.name[:40]}{self.at}"

    @cached_property
    def state(self) -> State:
        """What is visible at the Moment."""
        return State(self.branch.history.recording(self.moment.step), self.moment)

    def evaluated(self, node: Node) -> Any:
        """The value as an expression of the debugger about a node."""
        try:
            return expressions.parse(self.value, self.branch.graph).evaluate(self.state, node)
        except expressions.NotYet as missing:
            right = "a number, or what is there at this moment"
            raise UserError(self.where, f"{missing} is not computed yet", right) from None
