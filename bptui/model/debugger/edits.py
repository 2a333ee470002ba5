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
from bptui.model.debugger import evaluations, given, other_operation, settings
from bptui.model.debugger.asked import Asked
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.edit import Edit
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
    asked = Asked(matched["name"], matched["at"] or "", matched["value"].strip(), branch, moment)
    branch = asked.branch
    found = branch.graph.by_name.get(asked.name)
    document = branch.network.document
    if found is None and asked.name == evaluations.NAME and not asked.at:
        return evaluations.edit(asked)
    if asked.value == "default" and not asked.at and document is not None and document.gives(asked.name):
        return settings.setting(asked)
    if asked.at or (found is not None and found.op is None):
        return given.numbers(asked)
    if isinstance(branch.network, CapturedNetwork) and found is not None:
        return other_operation.operation(asked, found)
    if isinstance(branch.network, CapturedNetwork) and asked.name == "dtype":
        return other_operation.dtype(asked)
    if found is not None and (document is None or asked.name not in document.tables()):
        return settings.redefined(asked, found)
    return settings.setting(asked)
