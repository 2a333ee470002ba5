"""An evaluation of an update that looks at the loss several times (lbfgs), as a branch that one can step through.

The training step of that branch begins with the parameters that the evaluation had, so that its forward pass, loss and
backward pass are the evaluation, bit for bit, with all that a debugger has to say of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import significant
from bptui.model.base.typed import whole
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.edit import Edit
from bptui.model.debugger.edits.request import EditRequest
from bptui.model.engine.recording import Recording

NAME = "evaluation"
"""What `set` calls it."""


def count(recording: Recording) -> int:
    """How many evaluations the update of a training step has; 0 where it is of each element by itself."""
    return 0 if recording.search is None else len(recording.search.evaluations)


def origin(branch: Branch, step: int) -> Branch:
    """The branch whose update had the evaluations of a training step: not one that was made of an evaluation of it."""
    while branch.parent is not None and branch.edits[-1].step == step and _of(branch.edits[-1]):
        branch = branch.parent
    return branch


def made(branches: Sequence[Branch], parent: Branch, edit: Edit) -> Branch | None:
    """The branch of an evaluation, where there is one already."""
    same = (each for each in branches if each.parent is parent and each.edits[-1] == edit)
    return next(same, None)


def _of(edit: Edit) -> bool:
    return edit.kind == "numbers" and edit.said.startswith(f"{NAME} = ")


def edit(request: EditRequest) -> Edit:
    """`evaluation = 3`: the training step from the parameters of that evaluation. UserError where there is none."""
    recording = request.state.recording
    search = recording.search
    if search is None:
        right = "where the update looks at the loss again: set optimizer = lbfgs"
        raise UserError("set evaluation", f"{recording.optimizer.kind} has none", right)
    seen = search.evaluations
    known = f"1 to {len(seen) - 1}" if len(seen) > 1 else "here it has looked once"
    number = whole(request.value, 0, len(seen) - 1)
    if number is None:
        raise UserError("set evaluation", f"there is no evaluation {request.value[:20]} in this training step", known)
    if not number:
        raise UserError("set evaluation", "evaluation 0 is the pass of this training step as it is", known)
    made = seen[number]
    values = {}
    for node in recording.graph.params:
        if recording.update_rule(node).rule.room is not None:
            array = np.array(recording.part(node, made.p))
            array.setflags(write=False)
            values[node.name] = array
    step = request.moment.step
    note = f"with the parameters of iteration {made.iteration}, t {significant(made.t)}"
    return Edit(step, request.said, request.network(step), values=values, kind="numbers", note=note, made=step)
