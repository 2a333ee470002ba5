"""What can be changed in a course of training. An edit is a value: a branch is its network and its edits, replayed.

From when an edit holds:

    numbers of parameters, inputs, targets; the optimizer   from the training step in which it is made; a parameter that
                                                            this step has updated already, from the next one on
    an operation that takes the place of another            the same, with the parameters as they are then
    (relu → tanh, the p of a dropout, mse → mae)
    other operations or shapes (units, a layer that had     the network is trained anew from training step 0, from the
    no activation)                                          initial values that it had, where the shapes are the same
    seed, data, dtype, init                                 trained anew from training step 0, all drawn anew

The training steps before are as they were, and shared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bptui.model.base import documents
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.schema import Table
from bptui.model.base.types import Array
from bptui.model.debugger import expressions
from bptui.model.engine.arrays import shape_text
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.optimizers import OPTIONS, Optimizer
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment
from bptui.model.source.document import DRAWN, Document
from bptui.model.source.network import Network, from_mapping, read_optimizer

if TYPE_CHECKING:
    from bptui.model.debugger.branch import Branch

_EDIT = re.compile(r"(?P<name>[^=\[\]]+?)\s*(?P<at>\[[^=\[\]]*\])?\s*=(?!=)\s*(?P<value>\S.*)")
_WORD = re.compile(r"[^\W\d][\w-]*", re.ASCII)
_SAID: Mapping[str, Any] = {"true": True, "false": False, "default": None, "none": None}
CLIPS = ("clip_norm", "clip_value")
OPTIMIZER: tuple[str, ...] = ("learning_rate", *OPTIONS, *CLIPS, "betas")
"""Settings of an optimizer, which need not be called `optimizer.momentum`."""


@dataclass(frozen=True)
class Edit:
    """step     the first training step that it changes
    said     what was changed, as `set` takes it: `layer1.weight[0,1] = 0.3`
    network  what trains from that step on
    values   the numbers of parameters and running states with which that step starts, where they are given
    numbers  it changed numbers, not settings
    anew     the network is trained anew from step 0: from the initial values that it had ("kept"), or others ("drawn")
    note     what else there is to say
    """

    step: int
    said: str
    network: Network
    values: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))
    numbers: bool = False
    anew: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """What was changed and from when it holds."""
        note = f", {self.note}" if self.note else ""
        if self.anew:
            return f"{self.said}, trained anew from step 0{', all drawn anew' * (self.anew == 'drawn')}{note}"
        return f"{self.said} from training step {self.step} on{note}"


def parse(text: str, branch: Branch, moment: Moment) -> Edit:
    """`NAME = VALUE`, said at a Moment of a branch. NAME is a given number or tensor (`layer1.weight[0,1]`, `x[2]`),
    `lr` or another setting of the optimizer, a key of the network file (`layer1.activation`, `loss.kind`, `seed`), or a
    name that a formula defines.

    Nothing is executed. UserError for what is not there, is computed, is of another type or shape, or is so already.
    """
    matched = _EDIT.fullmatch(text.strip())
    if matched is None:
        raise UserError("set", f"'{text[:40]}' is not NAME = VALUE", "set lr = 0.05, set layer1.weight[0,1] = 0.3")
    name, at, value = matched["name"], matched["at"] or "", matched["value"].strip()
    found = branch.graph.by_name.get(name)
    if at or (found is not None and found.op is None):
        from bptui.model.debugger.given import numbers  # which imports this

        return numbers(found, name, at, value, branch, moment)
    key = _key(name)
    tables = branch.network.document.tables() if branch.network.document is not None else {}
    if key in ("optimizer", *tables) and _WORD.fullmatch(value):
        key = f"{key}.kind"
    said = f"{name} = {value}"
    if key.partition(".")[0] == "optimizer":
        return _optimizer(key, value, said, branch, moment)
    if found is not None and name not in tables:
        return _redefined(found, value, said, branch, moment.step)
    return _setting(key, value, said, branch, moment.step)


def _key(name: str) -> str:
    """Where a setting stands in a network file: `optimizer.momentum` for `momentum`."""
    return f"optimizer.{name}" if name in OPTIMIZER else "optimizer.learning_rate" if name == "lr" else name


def now(name: str, branch: Branch) -> str:
    """What a setting is: `lr = 0.05`; UserError where there is none of that name."""
    table, _, key = _key(name).partition(".")
    if table == "optimizer" and branch.graph.params:
        optimizer = branch.network.optimizer
        known = {"kind": optimizer.kind, "learning_rate": optimizer.learning_rate, **_options(optimizer)}
        known |= {option: getattr(optimizer, option) for option in CLIPS}
        shown = known if not key else {key: known[key]} if key in known else {}
    else:
        document = branch.network.document
        path = document.path(name) if document is not None else None
        found = document.value(path) if document is not None and path is not None else None
        shown = {} if path is None else dict(found) if isinstance(found, Mapping) else {name: found}
    if not shown:
        raise unknown(name, branch)
    if len(shown) == 1:
        return f"{name} = {_written(*shown.values())}"
    return f"{name}: {', '.join(f'{word} = {_written(item)}' for word, item in shown.items())}"


def _written(value: Any) -> str:
    """A value of a file in a few words."""
    if value is None:
        return "by default"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)[:60]


def names(branch: Branch) -> tuple[str, ...]:
    """What can be set: given numbers, the settings of the optimizer, the keys of the network file."""
    network = branch.network
    options = ("learning_rate", *network.optimizer.rule.options) if branch.graph.params else ()
    given = tuple(node.name for node in branch.graph.nodes if node.op is None and node.role not in ("const", "random"))
    keys = tuple(network.document.names) if network.document is not None else ()
    return (*given, *(("lr", "optimizer") if options else ()), *options, *keys)


def unknown(name: str, branch: Branch) -> UserError:
    """Nothing that can be set is called so."""
    right = did_you_mean(name, names(branch), "a parameter, an input, lr, or a key such as layer1.activation")
    return UserError("set", f"nothing is called '{name[:40]}'", right)


def same(name: str) -> UserError:
    """What is set is so already."""
    return UserError("set", f"{name} is so already", "another value")


def _value(text: str, where: str) -> Any:
    """A word, or a value of a network file; None for `default`, which takes the key away."""
    if _WORD.fullmatch(text):
        return _SAID.get(text, text)
    right = 'a number, a word, [a list], or {kind = "elu", alpha = 0.5}'
    try:
        found = documents.toml(f"value = {text}", where)
    except UserError:
        raise UserError(where, f"'{text[:40]}' is no value", right) from None
    if set(found) != {"value"}:
        raise UserError(where, f"'{text[:40]}' is more than a value", right)
    return found["value"]


def _optimizer(key: str, text: str, said: str, branch: Branch, moment: Moment) -> Edit:
    """Another optimizer from this training step on, or one with another setting."""
    old, step = branch.network.optimizer, moment.step
    if not branch.graph.params:
        raise UserError("set", "nothing is trained, so that there is no optimizer", "bptui eval … --train NAMES")
    option, value = key.partition(".")[2], _setting_or_number(text, f"set {key}", branch, moment)
    kept: dict[str, Any] = {"kind": old.kind, "learning_rate": old.learning_rate}
    kept |= {name: clip for name in CLIPS if (clip := getattr(old, name)) is not None}
    if not option:
        content = value
    elif option == "kind":
        content = {**kept, "kind": value}
    elif option == "betas":
        if not isinstance(value, list) or len(value) != 2:
            raise UserError("set betas", f"found {text[:40]}", "two numbers: [0.9, 0.999]")
        content = {**kept, **_options(old), "beta1": value[0], "beta2": value[1]}
    else:
        content = {**kept, **_options(old), option: value}
    if isinstance(content, dict):
        content = {name: item for name, item in content.items() if item is not None}
    made = read_optimizer(Table(content, "set", "optimizer"))
    made = replace(made, first=old.first if made.kind == old.kind else step)
    if made == old:
        raise same(said)
    document = branch.network.document
    file = document.changed(("optimizer",), content) if document is not None else None
    return Edit(step, said, replace(branch.network, optimizer=made, document=file))


def _setting_or_number(text: str, where: str, branch: Branch, moment: Moment) -> Any:
    """A value of a network file, or the number of an expression: `lr/10`."""
    try:
        return _value(text, where)
    except UserError:
        if text.startswith(("[", "{")):
            raise
    state = State(branch.history.recording(moment.step), moment)
    try:
        found = expressions.parse(text, branch.graph).evaluate(state, state.node)
    except expressions.NotYet as missing:
        raise UserError(where, f"{missing} is not computed yet", "a number") from None
    if found.ndim:
        raise UserError(where, f"found shape {shape_text(found.shape)}", "expected one number")
    return found.item()


def _options(optimizer: Optimizer) -> dict[str, Any]:
    return {name: getattr(optimizer, name) for name in optimizer.rule.options}


def _redefined(node: Node, text: str, said: str, branch: Branch, step: int) -> Edit:
    """A name of a formula, defined as something else."""
    document = branch.network.document
    made = document.redefined(node.name, text) if document is not None else None
    if made is None:
        raise computed(node, branch.graph)
    return _remade(_network(made), said, branch, step)


def _setting(key: str, text: str, said: str, branch: Branch, step: int) -> Edit:
    """Another value of a key of the network file."""
    old, document = branch.network, branch.network.document
    path = document.path(key) if document is not None else None
    if document is None or path is None:
        raise unknown(key, branch)
    value = _value(text, f"set {key}")
    if document.value(path) == value:
        raise same(said)
    made, note = document.changed(path, value), ""
    try:
        network = _network(made)
    except UserError:
        given = [place for place in document.given() if place[: len(path)] != path]
        if not given:
            raise
        for place in given:
            made = made.changed(place, None)
        network, note = _network(made), "without the numbers that are given in the file"
    if path[0] in DRAWN or path[-1] in DRAWN:
        return Edit(0, said, replace(network, optimizer=replace(old.optimizer, first=0)), anew="drawn", note=note)
    return _remade(network, said, branch, step, note)


def _remade(network: Network, said: str, branch: Branch, step: int, note: str = "") -> Edit:
    """The edit to a network that was made anew, with the numbers that the old one has."""
    network = _with_numbers_of(network, branch.network)
    if not _alike(network.graph, branch.graph):
        return Edit(0, said, replace(network, optimizer=replace(network.optimizer, first=0)), anew="kept", note=note)
    return Edit(step, said, network, note=note)


def _network(document: Document) -> Network:
    return from_mapping(document.content, document.where, document.folder)


def computed(node: Node, graph: Graph) -> UserError:
    """What is computed cannot be set."""
    assert node.op is not None
    sources = ", ".join(dict.fromkeys(graph.nodes[i].name for i in node.inputs))
    return UserError("set", f"{node.name} is computed", f"set what it is computed from: {sources}")


def _alike(a: Graph, b: Graph) -> bool:
    """Have both the same operations' places: names, shapes, inputs, one after the other?"""
    sketch = ((n.name, n.role, n.shape, n.inputs, n.wants_grad, n.whole, n.op is None) for n in a.nodes)
    other = ((n.name, n.role, n.shape, n.inputs, n.wants_grad, n.whole, n.op is None) for n in b.nodes)
    return a.loss == b.loss and len(a.nodes) == len(b.nodes) and all(x == y for x, y in zip(sketch, other, strict=True))


def _with_numbers_of(made: Network, old: Network) -> Network:
    """A network with the optimizer of another, and with the inputs and targets that it has, where the shapes agree."""
    before = {node.name: node for node in old.graph.nodes if node.role in ("input", "target")}

    def leaf(node: Node) -> Node:
        source = before.get(node.name)
        fits = source is not None and (source.role, source.shape, source.whole) == (node.role, node.shape, node.whole)
        return replace(node, value=source.value) if fits and source is not None else node

    graph = replace(made.graph, nodes=tuple(leaf(node) for node in made.graph.nodes))
    batches = old.batches if made.batches is not None and made.batches.size == _size(old) else made.batches
    return replace(made, graph=graph, optimizer=old.optimizer, batches=batches)


def _size(network: Network) -> int:
    return network.batches.size if network.batches is not None else 0
