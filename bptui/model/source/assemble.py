"""What the tables of a network file make: a Graph and its batches, from layers or from a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bptui.model.base.errors import UserError
from bptui.model.base.schema import Key, Table, kind_of, names, one_of, text
from bptui.model.base.types import Array
from bptui.model.engine.arrays import array, shape_text
from bptui.model.engine.batches import Batches
from bptui.model.engine.build import Builder, Label
from bptui.model.engine.graph import Graph, Layer, Node, Role
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.engine.use import dispatched, inside
from bptui.model.source import custom_ops, formula, layers, weights
from bptui.model.source.document import Document
from bptui.model.source.initializers import drawn_value
from bptui.model.source.layers.penalty import NETWORK, Penalized, penalty
from bptui.model.source.parts import Data
from bptui.model.source.tables import DATA, Samples
from bptui.model.source.tables import read as read_data

MAX_LAYERS = 1_000


class Made(NamedTuple):
    """Of a Network what its file's tables make."""

    graph: Graph
    batches: Batches | None
    samples: int
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


class _Loss(NamedTuple):
    """What the [loss] table says: its operation and the settings of it, what else that reads, penalties of weights."""

    table: Table
    row: Op | Composite
    settings: Mapping[str, Any]
    beside: Sequence[str]
    factors: Mapping[str, Any]


class _Leaves:
    """The samples of a file as leaves: all of them at once, or those of one batch in each training step."""

    def __init__(self, builder: Builder, table: Table, samples: Samples, whole: bool) -> None:
        self.builder, self.table, self.samples = builder, table, samples
        self.x = array(samples.inputs, table.at("inputs"), dtype=builder.dtype, whole=whole)
        self.size = len(self.x) if samples.batch_size is None else samples.batch_size
        self.full = self.size == len(self.x)
        self.whole = whole
        self.arrays: dict[str, Array] = {"x": self.x}

    def leaf(self, label: Label, role: Role, values: Array, whole: bool = False) -> Node:
        """`values` has a row for each sample."""
        shape = (self.size, *values.shape[1:])
        return self.builder.leaf(label, role, values if self.full else None, shape=shape, wants_grad=False, whole=whole)

    def inputs(self) -> Node:
        """The leaf `x`."""
        return self.leaf(Label("x", column="data.inputs"), "input", self.x, self.whole)

    def lengths(self) -> Node | None:
        """The leaf `lengths`: how many positions each sample has."""
        ends = self.samples.lengths
        return None if ends is None else self.leaf(Label("lengths", symbol="n", column="data.lengths"), "input", ends)

    def targets(self, prediction: Node, labels: bool) -> Node:
        """The leaf `y`, in the shape of the prediction, or class numbers."""
        where = self.table.at("targets")
        y = self.arrays["y"] = array(self.samples.targets, where, dtype=self.builder.dtype, whole=labels)
        if not labels and (self.size, *y.shape[1:]) != prediction.shape:
            right = f"expected {shape_text((len(self.x), *prediction.shape[1:]))}, as the prediction"
            raise UserError(where, f"found shape {shape_text(y.shape)}", right)
        return self.leaf(Label("y", column="data.targets"), "target", y, labels)


def from_layers(top: Table, found: Mapping[str, Any], folder: Path | None) -> Made:
    """layers + loss + data; `found`: the keys at the top of the file."""
    _complete(top, found)
    tables = _tables(top, found["layers"])
    _given_once(top, found)
    operations = _operations(top, found["ops"])
    loss = _loss(Table(found["loss"], top.where, "loss"), operations)
    data = Table(found["data"], top.where, "data")
    read = read_data(data, found["seed"], folder, drawn_for=loss.row.name, labels=bool(loss.row.indices))
    if read.targets is None:
        raise UserError(data.at(), "'targets' is missing", "one target per input")
    builder = Builder(found["dtype"], where=top.where, own=operations)
    leaves = _Leaves(builder, data, read, layers.reads_whole_numbers(tables))
    x, lengths = leaves.inputs(), leaves.lengths()
    built = layers.build(builder, tables, x, found["seed"], found["weight_layout"], lengths)
    prediction, told = built.prediction, built.notes
    if isinstance(loss.row, Op):
        floats = array(read.targets, data.at("targets"), dtype=builder.dtype)
        shapes = [prediction.shape, (leaves.size, *floats.shape[1:])]
        loss = loss._replace(row=dispatched(loss.row, shapes, {**loss.row.attributes, **loss.settings}))
    labels = loss.row.input_names[1] in loss.row.indices
    y = leaves.targets(prediction, labels)
    more = _loss_weights(builder, loss)
    if labels:
        _from_zero(leaves.arrays["y"], prediction.shape, data)
    end, said = _end(builder, loss, (prediction, y, *more), built.weights)
    graph = builder.finish(end, [*built.summaries, Layer("loss", said)], {"prediction": prediction})
    if found["weights"] is not None:
        graph, notes = _weights(top, found, graph, folder)
        told = [*told, *notes]
    if lengths is not None and read.lengths is not None:
        leaves.arrays["lengths"] = read.lengths.astype(builder.dtype)
        if not any(lengths.id in node.inputs for node in graph.ops):
            raise UserError(data.at("lengths"), "no layer reads them", "lengths = true in the layers that end there")
    labels_inside(graph, leaves.arrays, top.where)
    shuffle = data.get("shuffle", DATA["shuffle"])
    batches = None if leaves.full else Batches(leaves.arrays, leaves.size, shuffle)
    return Made(graph, batches, leaves.size, (*read.notes, *told), read.classes if labels else ())


def _complete(top: Table, found: Mapping[str, Any]) -> None:
    """A UserError where a table is missing, or a key is there that goes with a formula."""
    for key in ("values", "train"):
        if key in top:
            raise UserError(top.at(key), "goes with a formula", "layers have their own keys weight, bias and train")
    for key in ("data", "layers", "loss"):
        if found[key] is None:
            right = "a network has [data], [[layers]] and [loss], or a formula"
            raise UserError(top.where, f"[{key}] is missing", right)


def _given_once(top: Table, found: Mapping[str, Any]) -> None:
    """A UserError where weights come from a file, and numbers of a layer are given, too."""
    document = Document(top.content, top.where)
    if found["weights"] is not None and (given := document.given()):
        layer = next(name for name, path in document.tables().items() if path == given[0][:-1])
        raise UserError(top.at("weights"), f"{layer}.{given[0][-1]} is given, too", "numbers in one of the two")


def _loss(table: Table, operations: Mapping[str, Op]) -> _Loss:
    kinds = {**layers.loss_kinds(), **{name: row for name, row in operations.items() if len(row.inputs) == 2}}
    row = kinds[table.get("kind", Key(one_of(*kinds), None, "mse, for example", required=True))]
    beside = row.input_names[2:]
    settings = {key: value for key, value in table.content.items() if key not in ("kind", *beside, *NETWORK)}
    table.only(["kind", *row.attributes, *beside, *NETWORK])
    return _Loss(table, row, settings, beside, {key: table.get(key, wanted) for key, wanted in NETWORK.items()})


def _end(builder: Builder, loss: _Loss, inputs: Sequence[Node], weights: Sequence[Penalized]) -> tuple[Node, str]:
    """The loss, with the penalty of weights where one is asked for; and what it is, in words."""
    prediction = inputs[0]
    said = f"{loss.row.name}({prediction.symbol or prediction.label}, y)"
    where: Mapping[str, Any] = {"scope": "loss", "column": "loss"}
    if not any(loss.factors.values()) and not any(any(each.asked.values()) for each in weights):
        return builder.use(loss.row, *inputs, name="loss", symbol="L", **where, **loss.settings), said
    fit = builder.use(loss.row, *inputs, name="data_loss", symbol="E", **where, **loss.settings)
    held = penalty(builder, weights, loss.factors, **where)
    if held is None:
        raise UserError(loss.table.at(), "a penalty, and no weight that is trained", "leave l1 and l2 out")
    return builder.use("add", fit, held, name="loss", symbol="L", **where), f"{said} + penalty"


def _from_zero(labels: Array, shape: Sequence[int], data: Table) -> None:
    """A UserError where classes are numbered from 1: their last one is as many as there are outputs."""
    classes = shape[-1]
    if len(shape) == 2 and labels.size and labels.min() == 1 and labels.max() == classes:
        right = f"0 to {classes - 1}" if "file" not in data else 'classes = "sorted" in [data] takes 1 as 0, 2 as 1, …'
        raise UserError(data.at("targets"), f"classes are numbered 1 to {classes}, and count from 0", right)


def _weights(top: Table, found: Mapping[str, Any], graph: Graph, folder: Path | None) -> tuple[Graph, tuple[str, ...]]:
    """The graph with the numbers of a file."""
    layout = found["weight_layout"] if "weight_layout" in top else "out_in"
    path = Path(found["weights"]) if folder is None else folder / found["weights"]
    return weights.loaded(graph, path, top.at("weights"), layout)


def _loss_weights(builder: Builder, loss: _Loss) -> list[Node]:
    """What the [loss] table gives beside prediction and target: `weight = [1, 1, 5]`, a number for each class."""
    made: list[Node] = []
    table = loss.table
    for count, name in enumerate(loss.beside):
        if name not in table:
            continue
        if len(made) < count:
            raise UserError(table.at(name), "stands alone", f"give {loss.beside[len(made)]}, too (1 changes nothing)")
        label = Label(f"loss.{name}", "loss", name, table.at(name).partition(": ")[2])
        made.append(builder.leaf(label, "const", table.content[name]))
    return made


def _operations(top: Table, found: Any) -> dict[str, Op]:
    """The rows of [ops.NAME] tables."""
    made: dict[str, Op] = {}
    for name, content in Table(found, top.where, "ops").content.items():
        table = Table(content, top.where, f"ops.{name[:40]}")
        table.only(["definition", "inputs", *(key for key, item in table.content.items() if not isinstance(item, str))])
        definition = table.get("definition", Key(text, None, 'definition = "y = x/(1 + exp(-x))"', required=True))
        order = table.get("inputs", Key(names, ()))
        settings = {key: item for key, item in table.content.items() if key not in ("definition", "inputs")}
        custom_ops.define(made, name, definition, table.at("definition"), settings, order)
    return made


def _tables(top: Table, found: Any) -> list[Table]:
    """The tables of [[layers]]."""
    if not isinstance(found, list) or not found:
        raise UserError(
            top.at("layers"),
            f"found {kind_of(found) if found else 'no layer'}",
            "expected a list of tables: [[layers]]",
        )
    if len(found) > MAX_LAYERS:
        raise UserError(top.at("layers"), f"{len(found):,} layers", f"at most {MAX_LAYERS:,}")
    return [Table(item, top.where, f"layer{number}") for number, item in enumerate(found, 1)]


def labels_inside(graph: Graph, arrays: Mapping[str, Array], where: str) -> None:
    """Class numbers and positions of all samples, not only of the first batch, are in range."""
    for node in graph.ops:
        assert node.op is not None
        if node.op.bounds is None:
            continue
        inputs = [graph.nodes[i] for i in node.inputs]
        bounds = node.op.bounds([item.shape for item in inputs], node.attributes)
        for role, item in zip(node.op.input_names, inputs, strict=False):
            if role in bounds and item.name in arrays:
                inside(arrays[item.name], bounds[role], f"{where}: {item.column}", item.name, node.op)


def from_formula(top: Table, found: Mapping[str, Any], folder: Path | None) -> Made:
    """formula + values + train, with or without data (whose inputs are `x` and targets `y`)."""
    for key, right in (("weight_layout", "a formula says x @ W or x @ W.T"), ("weights", "bptui eval … --values FILE")):
        if key in top:
            raise UserError(top.at(key), "goes with layers", right)
    for key in ("layers", "loss"):
        if found[key] is not None:
            raise UserError(top.at(key), "stands beside a formula", "a formula takes the place of layers and loss")
    values: dict[str, Any] = dict(Table(found["values"], top.where, "values").content)
    for number, (name, value) in enumerate(values.items()):
        values[name] = (
            drawn_value(Table(value, top.where, f"values.{name}"), found["seed"], number)
            if isinstance(value, dict)
            else value
        )
    arrays: dict[str, Array] = {}
    size = count = 0
    notes: tuple[str, ...] = ()
    shuffle = True
    if found["data"] is not None:
        data = Table(found["data"], top.where, "data")
        inputs, targets, asked, notes, ends, _ = read_data(data, found["seed"], folder)
        if ends is not None:
            raise UserError(
                data.at("lengths"), "goes with layers", "a formula is told where each sample ends by a mask"
            )
        count, size = len(inputs), asked or len(inputs)
        shuffle = data.get("shuffle", DATA["shuffle"])
        arrays = {"x": inputs} | ({} if targets is None else {"y": array(targets, data.at("targets"))})
        for name in arrays:
            if name in values:
                raise UserError(top.at(f"values.{name}"), f"'{name}' comes from [data]", "leave one of the two out")
        values |= {name: Data(item, size) for name, item in arrays.items()}
    graph = formula.parse(
        found["formula"],
        values,
        found["train"],
        found["dtype"],
        where=f"{top.where}: formula",
        operations=_operations(top, found["ops"]),
    )
    used = {
        name: _like(graph.by_name[name], item, found["dtype"]) for name, item in arrays.items() if name in graph.by_name
    }
    labels_inside(graph, used, top.where)
    samples = size if any(name in graph.by_name for name in arrays) else 0
    return Made(graph, Batches(used, size, shuffle) if used and size < count else None, samples, notes)


def _like(leaf: Node, samples: Array, dtype: str) -> Array:
    """All samples in the kind of numbers that the leaf has."""
    samples = Data(samples, 0).labels().array if leaf.whole else samples
    return array(samples, leaf.name, dtype=dtype, whole=leaf.whole)
