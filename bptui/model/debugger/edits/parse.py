"""What can be changed in a course of training: `NAME = VALUE` becomes an Edit.

From when an edit holds:

    numbers of parameters, inputs, targets; the optimizer   from the training step in which it is made; a parameter that
                                                            this step has updated already, from the next one on
    an operation that takes the place of another            the same, with the parameters as they are then
    (relu → tanh, the p of a dropout, mse → mae)
    evaluation = K (of lbfgs)                               this training step, from the parameters that it had there
    other operations or shapes (units, a layer that had     the network is trained anew from training step 0, from the
    no activation)                                          initial values that it had, where the shapes are the same
    seed, data, dtype, init                                 trained anew from training step 0, all drawn anew

The training steps before are as they were, and shared.
"""

from __future__ import annotations

import re

from bptui.model.base.errors import UserError
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.edit import Edit
from bptui.model.debugger.edits import evaluations, numbers, operation, settings
from bptui.model.debugger.edits.request import EditRequest
from bptui.model.engine.timeline import Moment
from bptui.model.source.captured.network import CapturedNetwork

_EDIT = re.compile(r"(?P<name>[^=\[\]]+?)\s*(?P<at>\[[^=\[\]]*\])?\s*=(?!=)\s*(?P<value>\S.*)")


def parse(text: str, branch: Branch, moment: Moment) -> Edit:
    """`NAME = VALUE`, said at a Moment of a branch. NAME is a given number or tensor (`layer1.weight[0,1]`, `x[2]`),
    `lr` or another setting of the optimizer, a key of the network file (`layer1.activation`, `loss.kind`, `seed`), or a
    name that a formula defines. `default` takes numbers that a network file gives out of it.

    Nothing is executed. UserError for what is not there, is computed, is of another type or shape, or is so already.
    """
    matched = _EDIT.fullmatch(text.strip())
    if matched is None:
        raise UserError("set", f"'{text[:40]}' is not NAME = VALUE", "set lr = 0.05, set layer1.weight[0,1] = 0.3")
    request = EditRequest(matched["name"], matched["at"] or "", matched["value"].strip(), branch, moment)
    branch = request.branch
    found = branch.graph.by_name.get(request.name)
    document = branch.network.document
    if found is None and request.name == evaluations.NAME and not request.at:
        return evaluations.edit(request)
    if request.value == "default" and not request.at and document is not None and document.gives(request.name):
        return settings.setting(request)
    if request.at or (found is not None and found.op is None):
        return numbers.numbers(request)
    if isinstance(branch.network, CapturedNetwork) and found is not None:
        return operation.operation(request, found)
    if isinstance(branch.network, CapturedNetwork) and request.name == "dtype":
        return operation.dtype(request)
    if found is not None and (document is None or request.name not in document.tables()):
        return settings.redefined(request, found)
    return settings.setting(request)
