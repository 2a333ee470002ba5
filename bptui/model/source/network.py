"""A Network: a Graph with what trains it. From an example's name, a network file (TOML or JSON), or a formula."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bptui.model.base import documents
from bptui.model.base.errors import UserError
from bptui.model.base.files import near, read_text
from bptui.model.base.schema import Key, Table, any_value, kind_of, names, text
from bptui.model.base.unsupported import FILES
from bptui.model.engine.batches import Batches
from bptui.model.engine.graph import Graph
from bptui.model.engine.history import History
from bptui.model.engine.ops.common import choice, integer, optional
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.training import Training
from bptui.model.source import assemble, convert, custom_ops, formula
from bptui.model.source.document import Document
from bptui.model.source.examples import FOLDER, examples, text_of
from bptui.model.source.layers.context import LAYOUTS
from bptui.model.source.optimizer_table import read_optimizer

if TYPE_CHECKING:
    from bptui.model.source.captured.modules import Modules

MAX_FILE = 8 * 2**20
"""Bytes of a network file."""


@dataclass(frozen=True)
class Network:
    """What a Session debugs. `steps` is how many training steps make sense; `about` says in its first line what it is,
    in those after it what to look at; `source` says where its numbers come from; `samples` is the length of a batch (of
    the first axis of what is computed from it), 0 where the numbers are no samples: a formula with its own values;
    `document` is what it was made from, None for one that a program built; `notes` say how its file was understood
    where that could have been meant in another way; `classes` are the names of the class numbers of its targets, where
    its data have any."""

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
    classes: tuple[str, ...] = ()

    @property
    def story(self) -> tuple[str, ...]:
        """What to look at: the lines of `about` after the first."""
        return tuple(line for line in self.about.split("\n")[1:] if line.strip())

    @property
    def first(self) -> int:
        """The number of its first training step: of a captured one that which it had in its program."""
        return 0

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
    shown = target if len(target) <= 100 else target[:97] + "…"
    if not os.path.exists(path):
        what = "there is no such file" if path.suffix or "/" in target else "neither an example nor a file"
        raise UserError(shown, what, near(target, "bptui examples lists what is built in", names))
    if path.suffix.lower() in FILES and os.path.isfile(path):
        raise UserError(shown, f"a {path.suffix.lower()} file is not a network file", FILES[path.suffix.lower()])
    content = read_text(path, shown, MAX_FILE)
    try:
        return from_mapping(_more(parse(content, shown, path.suffix.lower() == ".json"), more), shown, path.parent)
    except UserError as problem:
        if what := convert.recognised(path, content):
            right = f"bptui convert {shown} prints the network file"
            if what == convert.WEIGHTS:
                right = f'weights = "{shown}" in a network file, or bptui run … --weights {shown}'
            raise UserError(shown, f"is {what}, not a network file", right) from None
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
    made = read_optimizer(Table(table, name, "optimizer"), [node.name for node in graph.params])
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
    make = assemble.from_formula if found["formula"] is not None else assemble.from_layers
    made = make(top, found, folder)
    name = found["name"] or Path(where).stem
    trained = [node.name for node in made.graph.params]
    optimizer = read_optimizer(Table(found["optimizer"], where, "optimizer"), trained)
    return Network(
        name, made.graph, optimizer, found["dtype"], found["seed"], made.batches, found["steps"], found["about"],
        found["source"], made.samples, Document(content, where, folder), made.notes, made.classes,
    )  # fmt: skip
