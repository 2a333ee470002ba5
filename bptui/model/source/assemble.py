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
from bptui.model.engine.graph import Graph, Layer, Node
from bptui.model.engine.ops.base import Op
from bptui.model.engine.use import dispatched, inside
from bptui.model.source import custom_ops, formula, layers, weights
from bptui.model.source.document import Document
from bptui.model.source.initializers import drawn_value
from bptui.model.source.layers.penalty import NETWORK, penalty
from bptui.model.source.parts import Data
from bptui.model.source.tables import DATA
from bptui.model.source.tables import read as read_data

MAX_LAYERS = 1_000


class Made(NamedTuple):
    """Of a Network what its file's tables make."""

    graph: Graph
    batches: Batches | None
    samples: int
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


def from_layers(top: Table, found: Mapping[str, Any], folder: Path | None) -> Made:
    """layers + loss + data; `found`: the keys at the top of the file."""
    for key in ("values", "train"):
        if key in top:
            raise UserError(top.at(key), "goes with a formula", "layers have their own keys weight, bias and train")
    for key in ("data", "layers", "loss"):
        if found[key] is None:
            raise UserError(
                top.where, f"[{key}] is missing", "a network has [data], [[layers]] and [loss], or a formula"
            )
    tables = _tables(top, found["layers"])
    document = Document(top.content, top.where)
    if found["weights"] is not None and (given := document.given()):
        layer = next(name for name, path in document.tables().items() if path == given[0][:-1])
        raise UserError(top.at("weights"), f"{layer}.{given[0][-1]} is given, too", "numbers in one of the two")
    loss = Table(found["loss"], top.where, "loss")
    operations = _operations(top, found["ops"])
    kinds = {**layers.loss_kinds(), **{name: row for name, row in operations.items() if len(row.inputs) == 2}}
    row = kinds[loss.get("kind", Key(one_of(*kinds), None, "mse, for example", required=True))]
    beside = row.input_names[2:]
    settings = {key: value for key, value in loss.content.items() if key not in ("kind", *beside, *NETWORK)}
    loss.only(["kind", *row.attributes, *beside, *NETWORK])
    factors = {key: loss.get(key, wanted) for key, wanted in NETWORK.items()}
    data = Table(found["data"], top.where, "data")
    samples = read_data(data, found["seed"], folder, drawn_for=row.name, labels=bool(row.indices))
    inputs, targets, size, notes, ends, classes = samples
    if targets is None:
        raise UserError(data.at(), "'targets' is missing", "one target per input")
    builder = Builder(found["dtype"], where=top.where, own=operations)
    whole = layers.reads_whole_numbers(tables)
    x_all = array(inputs, data.at("inputs"), dtype=builder.dtype, whole=whole)
    full = size is None or size == len(x_all)
    batch = len(x_all) if size is None else size
    named, x_shape = Label("x", column="data.inputs"), (batch, *x_all.shape[1:])
    x = builder.leaf(named, "input", x_all if full else None, shape=x_shape, wants_grad=False, whole=whole)
    lengths = _lengths(builder, ends, batch, full)
    built = layers.build(builder, tables, x, found["seed"], found["weight_layout"], lengths)
    prediction, told = built.prediction, built.notes
    floats = array(targets, data.at("targets"), dtype=builder.dtype)
    if isinstance(row, Op):
        row = dispatched(row, [prediction.shape, (batch, *floats.shape[1:])], {**row.attributes, **settings})
    labels = row.input_names[1] in row.indices
    y_all = array(targets, data.at("targets"), dtype=builder.dtype, whole=labels)
    y_shape = (batch, *y_all.shape[1:])
    if not labels and y_shape != prediction.shape:
        seen = f"found shape {shape_text(y_all.shape)}"
        right = f"expected {shape_text((len(x_all), *prediction.shape[1:]))}, as the prediction"
        raise UserError(data.at("targets"), seen, right)
    named = Label("y", column="data.targets")
    y = builder.leaf(named, "target", y_all if full else None, shape=y_shape, wants_grad=False, whole=labels)
    more = _loss_weights(builder, loss, beside)
    if labels:
        _from_zero(y_all, prediction.shape, data)
    said = f"{row.name}({prediction.symbol or prediction.label}, y)"
    where: Mapping[str, Any] = {"scope": "loss", "column": "loss"}
    if any(factors.values()) or any(any(each.asked.values()) for each in built.weights):
        fit = builder.use(row, prediction, y, *more, name="data_loss", symbol="E", **where, **settings)
        held = penalty(builder, built.weights, factors, **where)
        if held is None:
            raise UserError(loss.at(), "a penalty, and no weight that is trained", "leave l1 and l2 out")
        end = builder.use("add", fit, held, name="loss", symbol="L", **where)
        said += " + penalty"
    else:
        end = builder.use(row, prediction, y, *more, name="loss", symbol="L", **where, **settings)
    graph = builder.finish(end, [*built.summaries, Layer("loss", said)], {"prediction": prediction})
    if found["weights"] is not None:
        graph, read = _weights(top, found, graph, folder)
        told = [*told, *read]
    arrays = {"x": x_all, "y": y_all}
    if lengths is not None and ends is not None:
        arrays["lengths"] = ends.astype(builder.dtype)
        if not any(lengths.id in node.inputs for node in graph.ops):
            raise UserError(data.at("lengths"), "no layer reads them", "lengths = true in the layers that end there")
    labels_inside(graph, arrays, top.where)
    batches = None if full else Batches(arrays, batch, data.get("shuffle", DATA["shuffle"]))
    return Made(graph, batches, batch, (*notes, *told), classes if labels else ())


def _from_zero(labels: Array, shape: Sequence[int], data: Table) -> None:
    """A UserError where classes are numbered from 1: their last one is as many as there are outputs."""
    classes = shape[-1]
    if len(shape) == 2 and labels.size and labels.min() == 1 and labels.max() == classes:
        right = f"0 to {classes - 1}" if "file" not in data else 'classes = "sorted" in [data] takes 1 as 0, 2 as 1, …'
        raise UserError(data.at("targets"), f"classes are numbered 1 to {classes}, and count from 0", right)


def _lengths(builder: Builder, ends: Array | None, batch: int, full: bool) -> Node | None:
    """The leaf `lengths`: how many positions each sample of a training step has."""
    if ends is None:
        return None
    label = Label("lengths", symbol="n", column="data.lengths")
    return builder.leaf(label, "input", ends if full else None, shape=(batch,), wants_grad=False)


def _weights(top: Table, found: Mapping[str, Any], graph: Graph, folder: Path | None) -> tuple[Graph, tuple[str, ...]]:
    """The graph with the numbers of a file."""
    layout = found["weight_layout"] if "weight_layout" in top else "out_in"
    path = Path(found["weights"]) if folder is None else folder / found["weights"]
    return weights.loaded(graph, path, top.at("weights"), layout)


def _loss_weights(builder: Builder, loss: Table, names: Sequence[str]) -> list[Node]:
    """What the [loss] table gives beside prediction and target: `weight = [1, 1, 5]`, a number for each class."""
    made: list[Node] = []
    for count, name in enumerate(names):
        if name not in loss:
            continue
        if len(made) < count:
            raise UserError(loss.at(name), "stands alone", f"give {names[len(made)]}, too (1 changes nothing)")
        label = Label(f"loss.{name}", "loss", name, loss.at(name).partition(": ")[2])
        made.append(builder.leaf(label, "const", loss.content[name]))
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
