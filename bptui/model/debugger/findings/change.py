"""Changes of a network's file, as a remedy makes them: the place of a key, as `set` takes it, and its new value."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import significant
from bptui.model.base.schema import Table
from bptui.model.debugger.findings.finding import Remedy
from bptui.model.source import formula
from bptui.model.source.document import Document
from bptui.model.source.network import Network, from_mapping
from bptui.model.source.optimizer_table import read_optimizer, table_of

DEFAULT = None
"""The value of a key that is taken out of the file."""
OPTIMIZER = "optimizer"


@dataclass(frozen=True)
class Change:
    """A key of the network's file (`layer3.activation`, `optimizer.learning_rate`, `data.standardize`) and its value;
    DEFAULT takes it out, and where the place is a layer that one."""

    place: str
    value: Any

    @property
    def text(self) -> str:
        """`set layer3.activation = sigmoid`, as the debugger takes it."""
        if self.value is DEFAULT and "." not in self.place:
            return f"without {self.place}"
        return f"set {self.place} = {written(self.value)}"

    def made(self, document: Document) -> Document:
        """The document with it (UserError where the file has no such place)."""
        table, _, key = self.place.partition(".")
        if table == OPTIMIZER:
            options = {**(document.content.get(OPTIMIZER) or {}), key: self.value}
            return document.changed((OPTIMIZER,), {name: item for name, item in options.items() if item is not None})
        path = document.path(self.place)
        if path is None:
            raise UserError(self.place[:60], "the file has no such place")
        if self.value is DEFAULT and isinstance(path[-1], int):
            tables = document.value(path[:-1])
            return document.changed(path[:-1], [*tables[: path[-1]], *tables[path[-1] + 1 :]])
        return document.changed(path, self.value)


@dataclass(frozen=True)
class Redefined:
    """A name of a formula, defined as something else."""

    name: str
    definition: str

    @property
    def text(self) -> str:
        """`set L = bce_with_logits(z, y)`."""
        return f"set {self.name} = {self.definition}"

    def made(self, document: Document) -> Document:
        """The document with it (UserError where no statement defines the name)."""
        made = document.redefined(self.name, self.definition)
        if made is None:
            raise UserError(self.name[:60], "no line of the formula defines it")
        return made


def spelled(network: Network, name: str) -> ast.expr | None:
    """What a line of the network's formula defines a name as, None where none does."""
    text = network.document.content.get("formula") if network.document is not None else None
    if not isinstance(text, str):
        return None
    for statement in formula.read(text, "formula").body:
        if isinstance(statement, ast.Assign) and any(ast.unparse(target) == name for target in statement.targets):
            return statement.value
    return None


def written(value: Any) -> str:
    """A value as `set` takes it, in one line: a word as it is, everything else as in the file."""
    if value is DEFAULT:
        return "default"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_quoted(item)}" for key, item in value.items()) + "}"
    return value if isinstance(value, str) else _quoted(value)


def _quoted(value: Any) -> str:
    return significant(value) if isinstance(value, float) else json.dumps(value)


def remedy(text: str, *changes: Change | Redefined) -> Remedy:
    """A remedy that makes these changes."""

    def make(network: Network) -> Network:
        if network.document is None:
            return _optimized(network, changes)
        document = network.document
        for change in changes:
            document = change.made(document)
        made = from_mapping(document.content, document.where, document.folder)
        return replace(made, name=network.name)

    return Remedy("; ".join(change.text for change in changes), text, make, changes)


def together(remedies: Sequence[Remedy]) -> Remedy | None:
    """What several remedies change, at once; None where that is no more than one of them. Of two values for one place
    the first counts."""
    parts: dict[str, Change | Redefined] = {}
    for each in remedies:
        for part in each.parts:
            parts.setdefault(part.place if isinstance(part, Change) else part.name, part)
    if not remedies or any(len(each.parts) >= len(parts) for each in remedies):
        return None
    return remedy("all findings at once, by the first remedy of each", *parts.values())


def _optimized(network: Network, changes: Sequence[Change | Redefined]) -> Network:
    """Of a network that has no file the optimizer can be changed."""
    settings = table_of(network.optimizer)
    for change in changes:
        if isinstance(change, Redefined) or not change.place.startswith(f"{OPTIMIZER}."):
            raise UserError("network", "it has no file", "only its optimizer can be changed")
        settings[change.place.partition(".")[2]] = change.value
    return replace(network, optimizer=read_optimizer(Table(settings, "set", OPTIMIZER)))


def setting(network: Network, place: str) -> Any:
    """What stands at a place of the network's file, None where nothing does or there is no file."""
    document = network.document
    path = document.path(place) if document is not None else None
    return document.value(path) if document is not None and path is not None else None
