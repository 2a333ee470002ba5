"""Changes of a network's file, as a remedy makes them: a path and a value, and how both are written as `set` lines.

A path is the place as findings name it: `optimizer.learning_rate`, `layer3.activation`, `layer2.layer1.init`,
`loss.kind`, `data.standardize`. The document itself is never written to: what lies on the path is copied.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.debugger.findings.finding import Remedy
from bptui.model.source.network import Network, from_mapping


class Leave:
    """The value of a key that is left out: the network then has the default."""


LEAVE = Leave()


@dataclass(frozen=True)
class Change:
    """A key of the network's file, and what it becomes; LEAVE takes it out."""

    path: str
    value: Any

    @property
    def text(self) -> str:
        """`set layer3.activation = "sigmoid"`, as in the file."""
        if self.value is LEAVE:
            return f"drop {self.path}"
        return f"set {self.path} = {written(self.value)}"


def written(value: Any) -> str:
    """A value as TOML writes it, in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value)


def remedy(text: str, *changes: Change, then: Callable[[dict[str, Any], Network], None] | None = None) -> Remedy:
    """A remedy that makes these changes in the network's file; `then` may do in the copy what is no single key."""

    def make(network: Network) -> Network:
        document = network.document
        if document is None:
            return _without_file(network, changes)
        content: dict[str, Any] = dict(document.content)
        for change in changes:
            _put(content, change)
        if then is not None:
            then(content, network)
        made = from_mapping(content, document.where, document.folder)
        return replace(made, name=network.name)

    return Remedy("; ".join(change.text for change in changes), text, make)


def _without_file(network: Network, changes: Sequence[Change]) -> Network:
    """A formula or a network made in Python has no file: of it the optimizer can be changed."""
    settings: dict[str, Any] = {}
    for change in changes:
        group, _, key = change.path.partition(".")
        if group != "optimizer":
            raise UserError(change.path, "cannot be changed", "it has no network file; only optimizer.… can be")
        settings[key] = None if change.value is LEAVE else change.value
    return replace(network, optimizer=replace(network.optimizer, **settings))


def _put(content: dict[str, Any], change: Change) -> None:
    """Set a key at a path, copying every table and list on the way to it."""
    *way, key = change.path.split(".")
    table = content
    while way:
        name = way.pop(0)
        at = _layer(table.get("layers"), name)
        if at is not None:
            tables = table["layers"] = list(table["layers"])
            tables[at] = inner = dict(tables[at])
        else:
            inner = dict(table.get(name) or {})
            table[name] = inner
        table = inner
    if (at := _layer(table.get("layers"), key)) is not None and change.value is LEAVE:
        table["layers"] = [*table["layers"][:at], *table["layers"][at + 1 :]]
    elif change.value is LEAVE:
        table.pop(key, None)
    else:
        table[key] = change.value


def _layer(tables: Any, name: str) -> int | None:
    """Which of some layers has a name, by its key `name` or by its number."""
    if not isinstance(tables, list):
        return None
    for at, table in enumerate(tables):
        if isinstance(table, Mapping) and table.get("name", f"layer{at + 1}") == name:
            return at
    return None


def setting(network: Network, path: str, default: Any = None) -> Any:
    """What stands at a path in the network's file; `default` where nothing does or there is no file."""
    table: Any = network.document.content if network.document is not None else {}
    for name in path.split("."):
        if not isinstance(table, Mapping):
            return default
        at = _layer(table.get("layers"), name)
        table = table["layers"][at] if at is not None else table.get(name)
    return default if table is None else table
