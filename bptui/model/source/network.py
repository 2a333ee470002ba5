"""A Network: a Graph with what trains it. From an example's name, a network file (TOML or JSON), or a formula."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from bptui.model.base import documents
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.schema import Key, Table, any_value, kind_of, names, one_of, text
from bptui.model.base.types import Array
from bptui.model.base.unsupported import FILES
from bptui.model.engine.arrays import array, room, shape_text
from bptui.model.engine.batches import Batches
from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Graph, Layer, Node
from bptui.model.engine.history import History, Training
from bptui.model.engine.ops.base import Op
from bptui.model.engine.ops.common import choice, flag, integer, optional, real
from bptui.model.engine.optimizers import FLAGS, OPTIMIZERS, OPTIONS, Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.use import dispatched, inside
from bptui.model.source import custom_ops, formula, layers, weights
from bptui.model.source.datasets import read_text
from bptui.model.source.document import Document
from bptui.model.source.examples import FOLDER, examples, text_of
from bptui.model.source.initializers import Source, drawn, fans
from bptui.model.source.layers.context import LAYOUTS
from bptui.model.source.parts import Data
from bptui.model.source.tables import DATA
from bptui.model.source.tables import read as read_data

if TYPE_CHECKING:
    from bptui.model.source.captured.modules import Modules

MAX_FILE = 8 * 2**20
"""Bytes of a network file."""
MAX_LAYERS = 1_000


@dataclass(frozen=True)
class Network:
    """What a Session debugs. `steps` is how many training steps make sense; `about` says in its first line what it is,
    in those after it what to look at; `source` says where its numbers come from; `samples` is the length of a batch (of
    the first axis of what is computed from it), 0 where the numbers are no samples: a formula with its own values;
    `document` is what it was made from, None for one that a program built; `notes` say how its file was understood
    where that could have been meant in another way."""

    name: str
    graph: Graph
    optimizer: Optimizer
    dtype: str = "float64"
    seed: int = 0
    batches: Batches | None = None
    steps: int = 1000
    about: str = ""
    source: str = ""
    samples: int = 0
    document: Document | None = field(default=None, repr=False, compare=False)
    notes: tuple[str, ...] = ()

    @property
    def story(self) -> tuple[str, ...]:
        """What to look at: the lines of `about` after the first."""
        return tuple(line for line in self.about.split("\n")[1:] if line.strip())

    @property
    def modules(self) -> Modules | None:
        """Of a captured step, where its operations were called: what panel 1 lists. None of a network of bptui's."""
        return None

    def program(self) -> Program:
        """A new Program at training step 0."""
        return Program(self.graph, self.optimizer, dtype=self.dtype, seed=self.seed, batches=self.batches)

    def history(self) -> History:
        """Its training steps, of which none has been run yet."""
        return Training(self)

    def by_engine(self) -> Network:
        """The same as a network that this engine runs: itself."""
        return self

    def training(self) -> History:
        """Its training steps as this engine runs them, from the first one on."""
        return self.history()


# -------------------------------------------------------------------------------------------------------- sources
def load(target: str, more: Mapping[str, Any] = MappingProxyType({})) -> Network:
    """The network of an example's name or of a .toml or .json file; a UserError for everything else. `more` keys go
    before those of the file, weights before numbers that its layers give: as the command line says."""
    names = [name for name, _ in examples()]
    if not target.strip():
        raise UserError("TARGET", "is empty", "an example's name or a network file; bptui examples")
    if target in names:
        return from_mapping(_more(tomllib.loads(text_of(target)), more), target, FOLDER)
    path = Path(target)
    try:
        there = path.exists()
    except (OSError, ValueError):
        there = False
    shown = target if len(target) <= 100 else target[:97] + "…"
    if not there:
        if path.suffix or "/" in target:
            raise UserError(
                shown, "there is no such file", did_you_mean(target, names, "bptui examples lists what is built in")
            )
        raise UserError(
            shown, "neither an example nor a file", did_you_mean(target, names, "bptui examples lists what is built in")
        )
    if path.suffix.lower() in FILES and path.is_file():
        raise UserError(shown, f"a {path.suffix.lower()} file is not a network file", FILES[path.suffix.lower()])
    content = read_text(path, shown, MAX_FILE)
    try:
        return from_mapping(_more(parse(content, shown, path.suffix.lower() == ".json"), more), shown, path.parent)
    except UserError as problem:
        place = problem.part and custom_ops.found_in(content, problem.part)
        if place is None:
            raise
        after = problem.where.removeprefix(shown)
        raise UserError(f"{shown} {place[0]}:{place[1]}{after}", problem.what, problem.right) from None


def _more(content: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table of a file with other keys too; without the numbers that its layers give, where a file has them."""
    document = Document({**content, **more}, "")
    for place in document.given() if "weights" in more else ():
        document = document.changed(place, None)
    return document.content


def parse(content: str, where: str, as_json: bool) -> Mapping[str, Any]:
    """The table of a network file."""
    try:
        found = documents.from_json(content, where) if as_json else documents.toml(content, where)
    except UserError as problem:
        right = problem.right or "a network file is TOML, or JSON in a file named *.json"
        raise UserError(problem.where, problem.what, right) from None
    if not isinstance(found, dict):
        raise UserError(where, f"found {kind_of(found)}", "expected a table of keys")
    return found


def from_formula(
    source: str,
    values: Mapping[str, Any],
    train: Iterable[str] | None = None,
    *,
    learning_rate: float = 0.1,
    optimizer: Mapping[str, Any] | None = None,
    dtype: str = "float64",
    seed: int = 0,
    name: str = "formula",
) -> Network:
    """A formula with its given values, trained by plain SGD, or as the [optimizer] table `optimizer` says."""
    trained = tuple(train or ())
    graph = formula.parse(source, values, trained, dtype)
    table = {"kind": "sgd", "learning_rate": learning_rate} if optimizer is None else optimizer
    content = {
        "formula": source, "values": values, "train": trained, "name": name, "dtype": dtype, "seed": seed,
        "optimizer": table,
    }  # fmt: skip
    made = read_optimizer(Table(table, name, "optimizer"))
    return Network(name, graph, made, dtype, seed, document=Document(content, name))


# ------------------------------------------------------------------------------------------------- network files
SEED = Key(integer(0), 0, "of initial values, shuffling, masks and drawn data")
TOP: Mapping[str, Key] = {
    "name": Key(text, "", "what it is called (default: the file's name)"),
    "about": Key(text, "", "a line that says what it is; in the lines after it, what to look at"),
    "source": Key(text, "", "where the numbers come from"),
    "dtype": Key(choice("float64", "float32"), "float64", "of all numbers, or float32"),
    "seed": SEED,
    "steps": Key(integer(1), 1000, "how many training steps make sense"),
    "data": Key(any_value, None, "a table: inputs and targets"),
    "layers": Key(any_value, None, "a list of tables, one per layer"),
    "weight_layout": Key(
        choice(*LAYOUTS),
        LAYOUTS[0],
        'how the given weights of dense layers lie: "in_out", a row per input, or "out_in", a row per unit, as in '
        "PyTorch and, if nothing is said, in files of weights; they are shown as (in, out)",
    ),
    "weights": Key(
        optional(text), None, "a .safetensors, .npz or .json file with the numbers of all layers, relative to this one"
    ),
    "loss": Key(any_value, None, "a table: kind, and the settings of that loss"),
    "optimizer": Key(any_value, {}, "a table: kind, learning_rate, and the settings of that kind"),
    "formula": Key(text, None, "in the place of layers and loss"),
    "values": Key(any_value, {}, "what the formula's names are"),
    "train": Key(names, (), "the names of a formula that are trained"),
    "ops": Key(
        any_value,
        {},
        "operations of your own: [ops.swoosh] with a definition and the defaults of its settings (definitions.md)",
    ),
}


def from_mapping(content: Mapping[str, Any], where: str, folder: Path | None = None) -> Network:
    """The network of a file's table. `where` is the file, for messages; `folder` is where data files are looked for."""
    top = Table(content, where)
    found = top.read(TOP)
    if found["seed"] >= 2**63:
        raise UserError(top.at("seed"), "too large", "below 2**63")
    make = _from_formula if found["formula"] is not None else _from_layers
    made = make(top, found, folder)
    name = found["name"] or Path(where).stem
    optimizer = read_optimizer(Table(found["optimizer"], where, "optimizer"))
    return Network(
        name, made.graph, optimizer, found["dtype"], found["seed"], made.batches, found["steps"], found["about"],
        found["source"], made.samples, Document(content, where, folder), made.notes,
    )  # fmt: skip


def read_optimizer(table: Table) -> Optimizer:
    """The optimizer of an [optimizer] table."""
    keys = {name: Key(flag if name in FLAGS else real()) for name in (*OPTIONS, "clip_norm", "clip_value")}
    kind = Key(one_of(*OPTIMIZERS), "sgd", "one of " + ", ".join(OPTIMIZERS))
    found = table.read({"kind": kind, "learning_rate": Key(real(0), 0.01), **keys})
    try:
        return Optimizer(**found)
    except UserError as problem:
        raise UserError(f"{table.where}: {problem.where}", problem.what, problem.right) from None


class _Made(NamedTuple):
    """Of a Network what its file's tables make."""

    graph: Graph
    batches: Batches | None
    samples: int
    notes: tuple[str, ...] = ()


def _from_layers(top: Table, found: Mapping[str, Any], folder: Path | None) -> _Made:
    """layers + loss + data."""
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
    settings = {key: value for key, value in loss.content.items() if key != "kind" and key not in beside}
    loss.only(["kind", *row.attributes, *beside])
    data = Table(found["data"], top.where, "data")
    samples = read_data(data, found["seed"], folder, drawn_for=row.name, labels=bool(row.indices))
    inputs, targets, size, notes, ends = samples
    if targets is None:
        raise UserError(data.at(), "'targets' is missing", "one target per input")
    builder = Builder(found["dtype"], where=top.where, own=operations)
    whole = layers.kind_of_layer(tables[0]).whole
    x_all = array(inputs, data.at("inputs"), dtype=builder.dtype, whole=whole)
    full = size is None or size == len(x_all)
    batch = len(x_all) if size is None else size
    x = builder.leaf(
        "x",
        "input",
        x_all if full else None,
        shape=(batch, *x_all.shape[1:]),
        wants_grad=False,
        whole=whole,
        column="data.inputs",
    )
    lengths = _lengths(builder, ends, batch, full)
    prediction, summaries, told = layers.build(builder, tables, x, found["seed"], found["weight_layout"], lengths)
    floats = array(targets, data.at("targets"), dtype=builder.dtype)
    row = dispatched(row, [prediction.shape, (batch, *floats.shape[1:])], {**row.attributes, **settings})
    labels = row.input_names[1] in row.indices
    y_all = array(targets, data.at("targets"), dtype=builder.dtype, whole=labels)
    y_shape = (batch, *y_all.shape[1:])
    if not labels and y_shape != prediction.shape:
        seen = f"found shape {shape_text(y_all.shape)}"
        right = f"expected {shape_text((len(x_all), *prediction.shape[1:]))}, as the prediction"
        raise UserError(data.at("targets"), seen, right)
    y = builder.leaf(
        "y", "target", y_all if full else None, shape=y_shape, wants_grad=False, whole=labels, column="data.targets"
    )
    more = _loss_weights(builder, loss, beside)
    end = builder.use(row, prediction, y, *more, name="loss", scope="loss", symbol="L", column="loss", **settings)
    last = Layer("loss", f"{row.name}({prediction.symbol or prediction.label}, y)")
    graph = builder.finish(end, [*summaries, last], {"prediction": prediction})
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
    return _Made(graph, batches, batch, (*notes, *told))


def _lengths(builder: Builder, ends: Array | None, batch: int, full: bool) -> Node | None:
    """The leaf `lengths`: how many positions each sample of a training step has."""
    if ends is None:
        return None
    return builder.leaf(
        "lengths", "input", ends if full else None, shape=(batch,), wants_grad=False, symbol="n", column="data.lengths"
    )


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
        column = loss.at(name).partition(": ")[2]
        made.append(builder.leaf(f"loss.{name}", "const", loss.content[name], scope="loss", symbol=name, column=column))
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


def _from_formula(top: Table, found: Mapping[str, Any], folder: Path | None) -> _Made:
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
            _value(Table(value, top.where, f"values.{name}"), found["seed"], number)
            if isinstance(value, dict)
            else value
        )
    arrays: dict[str, Array] = {}
    size = count = 0
    notes: tuple[str, ...] = ()
    shuffle = True
    if found["data"] is not None:
        data = Table(found["data"], top.where, "data")
        inputs, targets, asked, notes, ends = read_data(data, found["seed"], folder)
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
    return _Made(graph, Batches(used, size, shuffle) if used and size < count else None, samples, notes)


def _like(leaf: Node, samples: Array, dtype: str) -> Array:
    """All samples in the kind of numbers that the leaf has."""
    samples = Data(samples, 0).labels().array if leaf.whole else samples
    return array(samples, leaf.name, dtype=dtype, whole=leaf.whole)


def _value(table: Table, seed: int, number: int) -> Array:
    """A drawn value of a formula: `W = {shape = [2, 8], init = "he_uniform"}`; init may be a table with parameters."""
    table.only(["shape", "init"])
    shape = table.get(
        "shape", Key(lambda value: tuple(integer(0)(size) for size in value), None, "shape = [2, 8]", required=True)
    )
    room(shape, table.at("shape"))
    init = table.get("init", Key(any_value, "xavier_uniform"))
    return drawn(init, table, "init", shape, fans(shape), Source(seed, 0, number))
