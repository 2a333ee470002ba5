"""A nudge: a number is moved by a little, to see what the loss does."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.debugger import locations
from bptui.model.debugger.edit import Edit, computed
from bptui.model.debugger.edits.numbers import numbers as edit_of
from bptui.model.debugger.edits.request import EditRequest
from bptui.model.debugger.hidden import REASON

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)


def parse(text: str, session: Session, sign: int) -> Edit:
    """`[NAME[i,j]] [DELTA]`: the selected number and the last DELTA where they are not said. UserError where the number
    is computed, or nothing moves."""
    words = text.split()
    if words and _NUMBER.fullmatch(words[-1]):
        delta = float(words.pop())
        if not math.isfinite(delta) or not delta:
            raise UserError("nudge", f"'{text[-40:]}' moves nothing", "nudge layer1.weight[0,1] 0.1")
        session.nudge = delta
    name = " ".join(words)
    if re.search(r"\]\s*\S+$", name):
        raise UserError("nudge", f"'{name.rpartition(']')[2].strip()[:40]}' is not a number", "nudge NAME[i,j] 0.1")
    if len(words) == 2 and words[0] in session.graph.called:
        raise UserError("nudge", f"'{words[1][:40]}' is not a number", f"nudge {words[0][:40]} 0.1")
    node, at = locations.element(session.graph, name, "nudge") if name else (session.node, None)
    if node.op is not None:
        raise computed(node, session.graph, "nudge")
    at = session.element_of(node) if at is None else at
    session.select(node, at)
    value = session.state.parameter(node)
    if value is None:
        raise UserError("nudge", f"{node.name} was not recorded", "a number that was")
    old = float(value[at])
    if numbers.concealed(old):
        raise UserError("nudge", f"{session.selected_name} is {REASON}", "another number")
    moved = old + sign * session.nudge
    short = float(f"{moved:.{np.finfo(value.dtype).precision if value.dtype.kind == 'f' else 15}g}")
    if abs(short - moved) < 1e-6 * abs(session.nudge):
        moved = short  # -0.06 + 0.1 is 0.04
    if moved == old:
        raise UserError(
            "nudge",
            f"{numbers.significant(abs(session.nudge))} is too little to move {numbers.significant(old)}",
            "a larger DELTA",
        )
    request = EditRequest(node.name, numbers.index(at), repr(moved), session.branch, session.cursor)
    return edit_of(request)
