"""Edits of settings: the optimizer, the keys of the network file, the names that a formula defines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bptui.model.base import documents
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.numbers import significant
from bptui.model.base.schema import Table
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.edit import Edit, Kind, computed, same
from bptui.model.debugger.edits.request import EditRequest
from bptui.model.engine.arrays import shape_text
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.optimizers import OPTIONS
from bptui.model.source.document import DRAWN, Document
from bptui.model.source.network import Network, from_mapping
from bptui.model.source.optimizer_table import CLIPS, counted, read_optimizer, scheduled, table_of

WORD = re.compile(r"[^\W\d][\w-]*", re.ASCII)
_SAID: Mapping[str, Any] = {"true": True, "false": False, "default": None, "none": None}
SHARED = ("learning_rate", *CLIPS)
OPTIMIZER: tuple[str, ...] = ("learning_rate", *OPTIONS, *CLIPS, "betas", "schedule", "groups")
"""Settings of an optimizer, which need not be called `optimizer.momentum`."""


def setting(request: EditRequest) -> Edit:
    """Another value of a setting of the optimizer, or of a key of the network file."""
    document, key = request.branch.network.document, _key(request.name)
    if key in ("optimizer", *(document.tables() if document is not None else ())) and WORD.fullmatch(request.value):
        key = f"{key}.kind"
    table, _, option = key.partition(".")
    return _optimizer(request, option) if table == "optimizer" else _key_of_file(request, key)


def _key(name: str) -> str:
    """Where a setting stands in a network file: `optimizer.momentum` for `momentum`."""
    return f"optimizer.{name}" if name in OPTIMIZER else "optimizer.learning_rate" if name == "lr" else name


def now(name: str, branch: Branch, rate: float) -> str:
    """What a setting is: `lr = 0.05`, where `rate` is that of the training step; UserError where there is none of that
    name."""
    schedule = branch.network.optimizer.schedule
    if name == "lr" and schedule is not None and branch.graph.params:
        return f"lr = {significant(rate)} in this training step, by {scheduled(schedule)}"
    table, _, key = _key(name).partition(".")
    if table == "optimizer" and branch.graph.params:
        optimizer = branch.network.optimizer
        known = {"kind": optimizer.kind, "learning_rate": optimizer.learning_rate, **table_of(optimizer)}
        known |= {option: getattr(optimizer, option) for option in CLIPS}
        shown = known if not key else {key: known[key]} if key in known else {}
    else:
        document = branch.network.document
        path = document.path(name) if document is not None else None
        found = document.value(path) if document is not None and path is not None else None
        shown = {} if path is None else dict(found) if isinstance(found, Mapping) else {name: found}
    if not shown:
        raise _unknown(name, branch)
    if len(shown) == 1:
        return f"{name} = {written(*shown.values())}"
    return f"{name}: {', '.join(f'{word} = {written(item)}' for word, item in shown.items())}"


def written(value: Any) -> str:
    """A value of a file in a few words."""
    if value is None:
        return "by default"
    if isinstance(value, bool):
        return str(value).lower()
    return significant(value) if isinstance(value, float) else str(value)[:60]


def given(branch: Branch) -> tuple[str, ...]:
    """The names of the numbers that are given, not computed."""
    return tuple(node.name for node in branch.graph.nodes if node.op is None and node.role not in ("const", "random"))


def names(branch: Branch) -> tuple[str, ...]:
    """What can be set: given numbers, the settings of the optimizer, the keys of the network file."""
    network = branch.network
    told = table_of(network.optimizer)
    options = ("learning_rate", *(name for name in told if name in OPTIONS)) if branch.graph.params else ()
    keys = tuple(network.document.names) if network.document is not None else ()
    return (*given(branch), *(("lr", "optimizer") if options else ()), *options, *keys)


def _unknown(name: str, branch: Branch) -> UserError:
    """Nothing that can be set is called so."""
    if name.lstrip("+-.")[:1].isdigit():
        return UserError(
            "set", f"{name[:20]} of what?", f"set NAME = {name[:20]}; or select a parameter or an input, then e"
        )
    first, *rest = name.split()
    if rest and (first.partition("[")[0] in names(branch)):  # as gdb takes it: set lr 0.5
        return UserError("set", "= is missing", f"set {first} = {' '.join(rest)[:40]}")
    right = did_you_mean(name, names(branch), "a parameter, an input, lr, or a key such as layer1.activation")
    return UserError("set", f"nothing is called '{name[:40]}'", right)


def _value(request: EditRequest) -> Any:
    """A word, or a value of a network file; None for `default`, which takes the key away."""
    text, where = request.value, request.where
    if WORD.fullmatch(text):
        return _SAID.get(text, text)
    right = 'a number, a word, [a list], or {kind = "elu", alpha = 0.5}'
    try:
        found = documents.toml(f"value = {text}", where)
    except UserError:
        raise UserError(where, f"'{text[:40]}' is no value", right) from None
    if set(found) != {"value"}:
        raise UserError(where, f"'{text[:40]}' is more than a value", right)
    return found["value"]


def _optimizer(request: EditRequest, option: str) -> Edit:
    """Another optimizer from this training step on ("" for all of it), or one with another setting."""
    branch, step = request.branch, request.moment.step
    old = branch.network.optimizer
    if not branch.graph.params:
        raise UserError("set", "nothing is trained, so that there is no optimizer", "bptui eval … --train NAMES")
    value = _value_or_number(request)
    kept = table_of(old)
    if not option:
        content = value
    elif option == "kind":
        content = {name: kept[name] for name in (*SHARED, "schedule", "groups") if name in kept} | {"kind": value}
    elif option == "betas":
        if not isinstance(value, list) or len(value) != 2:
            raise UserError("set betas", f"found {request.value[:40]}", "two numbers: [0.9, 0.999]")
        content = {**kept, "beta1": value[0], "beta2": value[1]}
    else:
        content = {**kept, option: value}
    if isinstance(content, dict):
        content = {name: item for name, item in content.items() if item is not None}
        if request.name == "lr":
            content.pop("schedule", None)  # this rate from here on
    made = read_optimizer(Table(content, "set", "optimizer"), [node.name for node in branch.graph.params])
    made = counted(made, old, step)
    if made == old:
        raise same(request.said)
    document = branch.network.document
    file = document.changed(("optimizer",), content) if document is not None else None
    rate = request.state.recording.rate if old.schedule is not None else old.learning_rate
    was = written({"": old.kind}.get(option, rate if request.name == "lr" else kept.get(option)))
    network = replace(branch.network, optimizer=made, document=file)
    brief = f"{request.name} = {written(value)}" if isinstance(value, float) else ""
    return Edit(step, request.said, network, kind="optimizer", was=was, brief=brief, made=step)


def _value_or_number(request: EditRequest) -> Any:
    """A value of a network file, or the number of an expression: `lr/10`."""
    try:
        return _value(request)
    except UserError:
        if request.value.startswith(("[", "{")):
            raise
    found = request.evaluated(request.state.node)
    if found.ndim:
        raise UserError(request.where, f"found shape {shape_text(found.shape)}", "expected one number")
    return found.item()


def redefined(request: EditRequest, node: Node) -> Edit:
    """A name of a formula, defined as something else."""
    document = request.branch.network.document
    made = document.redefined(node.name, request.value) if document is not None else None
    if made is None:
        raise computed(node, request.branch.graph)
    try:
        return _remade(request, _network(made))
    except UserError as problem:
        if not problem.what.endswith("in the formula"):
            raise
        right = "what is trained stays in it"
        raise UserError(f"set {node.name}", f"{problem.what} any more", right) from None


def _key_of_file(request: EditRequest, key: str) -> Edit:
    """Another value of a key of the network file."""
    old, document = request.branch.network, request.branch.network.document
    path = document.path(key) if document is not None else None
    if document is None or path is None:
        raise _unknown(key, request.branch)
    value = _value(request)
    if document.value(path) == value:
        raise same(request.said)
    made, note, was = document.changed(path, value), "", written(document.value(path))
    try:
        network = _network(made)
    except UserError:
        files = [("weights",)] if "weights" in document.content else []
        fixed = [place for place in (*document.given(), *files) if place[: len(path)] != path]
        if not fixed:
            raise
        for place in fixed:
            made = made.changed(place, None)
        network, note = _network(made), "without the numbers that are given in the file"
    if path[0] in DRAWN or path[-1] in DRAWN or path in document.given():
        network = replace(network, optimizer=replace(old.optimizer, first=0))
        return Edit(0, request.said, network, anew="drawn", note=note, was=was, made=request.moment.step)
    return replace(_remade(request, network), note=note, was=was)


def _remade(request: EditRequest, network: Network) -> Edit:
    """The edit to a network that was made anew, with the numbers that the old one has."""
    network = _with_numbers_of(network, request.branch.network)
    if _alike(network.graph, request.branch.graph):
        return Edit(request.moment.step, request.said, network, made=request.moment.step)
    network = replace(network, optimizer=replace(network.optimizer, first=0))
    return Edit(0, request.said, network, anew="kept", made=request.moment.step)


def _network(document: Document) -> Network:
    return from_mapping(document.content, document.where, document.folder)


def _alike(a: Graph, b: Graph) -> bool:
    """Have both the same operations' places: names, shapes, inputs, one after the other? (A constant is called by its
    number.)"""
    return a.loss == b.loss and [*map(_sketch, a.nodes)] == [*map(_sketch, b.nodes)]


def _sketch(node: Node) -> tuple[object, ...]:
    name = "" if node.role == "const" else node.name
    return name, node.role, node.shape, node.inputs, node.wants_grad, node.whole, node.op is None


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


def of_document(branch: Branch, step: int, said: str, document: Document) -> Edit:
    """The edit to another document of the network that trains training step `step`: from there on where its operations
    have the places of the old ones, else anew from step 0, from the initial values that it had. UserError where the
    document is no network. Numbers that were edited are those of the document again."""
    old = branch.at(step).network
    made = _network(document)
    alike, same_kind = _alike(made.graph, old.graph), made.optimizer.kind == old.optimizer.kind
    if not alike:
        return Edit(0, said, made, anew="kept", made=step)
    optimizer = replace(made.optimizer, first=old.optimizer.first if same_kind else step)
    kind: Kind = "optimizer" if _without_optimizer(document) == _without_optimizer(old.document) else "network"
    return Edit(step, said, replace(made, optimizer=optimizer), kind=kind, made=step)


def _without_optimizer(document: Document | None) -> Mapping[str, Any]:
    return {} if document is None else {key: item for key, item in document.content.items() if key != "optimizer"}
