"""What a network was made from, so that one with another setting can be made: `layer1.units`, `loss.kind`, `seed`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bptui.model.base import syntax
from bptui.model.source.layers import KINDS
from bptui.model.source.layers.context import GIVEN

DRAWN = ("seed", "dtype", "data", "values", "init", "bias_init")
"""Keys that say which numbers a training starts with."""
SETTINGS = ("seed", "dtype", "steps", "formula", "train")
"""Keys of the file itself that can be changed."""

Place = tuple[str | int, ...]
"""Where in the content a key stands: ("layers", 0, "activation")."""


@dataclass(frozen=True)
class Document:
    """The table of a network file, or what would be the table of a formula: a changed copy makes a changed network.

    content  by key · where  the file, for messages · folder  where its data files lie
    """

    content: Mapping[str, Any]
    where: str
    folder: Path | None = None

    def tables(self) -> Mapping[str, Place]:
        """The tables whose keys can be changed, by name: `layer1`, `layer3.layer1`, `loss`, `data`, `ops.swoosh`."""
        found: dict[str, Place] = dict(_layers(self.content.get("layers"), ("layers",), ""))
        for key in ("loss", "data"):
            if isinstance(self.content.get(key), Mapping):
                found[key] = (key,)
        for key in ("ops", "values"):
            inner = self.content.get(key)
            known = inner.items() if isinstance(inner, Mapping) else ()
            found.update({f"{key}.{name}": (key, name) for name, item in known if isinstance(item, Mapping)})
        return found

    def path(self, name: str) -> Place | None:
        """Where the key of a name stands (it need not be there yet); None where no table is called so."""
        if name in SETTINGS:
            return (name,)
        tables = self.tables()
        if name in tables:
            return tables[name]
        table, _, key = name.rpartition(".")
        return (*tables[table], key) if table in tables else None

    def value(self, path: Place) -> Any:
        """What stands there, None for nothing."""
        found: Any = self.content
        for part in path:
            if isinstance(part, str) and part not in found:
                return None
            found = found[part]
        return found

    def gives(self, name: str) -> bool:
        """Are there numbers of a layer under this name?"""
        return self.path(name) in self.given()

    def changed(self, path: Place, value: Any) -> Document:
        """The same with another value there; with None, without one. This one stays as it is."""
        return replace(self, content=_with(self.content, path, value))

    def redefined(self, name: str, text: str) -> Document | None:
        """A formula in which a name is defined as something else: `set a = tanh(z)`; the loss is what stands last. None
        where no statement defines it. UserError for a text that is no formula."""
        from bptui.model.source import formula

        given = self.content.get("formula")
        if not isinstance(given, str):
            return None
        source = "\n".join(row.lstrip() for row in syntax.lines(given))
        *before, last = formula.read(source, self.where).body
        defined = (each for each in (*before, last) if isinstance(each, ast.Assign))
        known = {target.id: each.value for each in defined for target in each.targets if isinstance(target, ast.Name)}
        if isinstance(last, ast.Assign | ast.Expr):
            known.setdefault("loss", last.value)
        if name not in known:
            return None
        formula.read(text, f"set {name}")
        rows, old = source.encode().split(b"\n"), known[name]
        assert old.end_lineno is not None
        assert old.end_col_offset is not None
        start = b"\n".join([*rows[: old.lineno - 1], rows[old.lineno - 1][: old.col_offset]])
        end = b"\n".join([rows[old.end_lineno - 1][old.end_col_offset :], *rows[old.end_lineno :]])
        return replace(self, content={**self.content, "formula": f"{start.decode()}{text}{end.decode()}"})

    def given(self) -> Sequence[Place]:
        """The keys of layers that give numbers of parameters, in the place of drawn ones."""
        layers = (path for path in self.tables().values() if path[0] == "layers")
        rows = ((path, KINDS.get(str(self.value(path).get("kind")))) for path in layers)
        return [(*path, key) for path, row in rows if row for key in self.value(path) if row.keys.get(key) is GIVEN]

    @property
    def names(self) -> Iterator[str]:
        """Tables, and the keys that they have."""
        yield from (key for key in SETTINGS if key in self.content)
        for name, path in self.tables().items():
            yield from (f"{name}.{key}" for key in self.value(path))


def _layers(tables: Any, path: Place, prefix: str) -> Iterator[tuple[str, Place]]:
    """The tables of layers by the names of the layers, also inside of a layer (`layers = 2` of an lstm are none)."""
    for number, table in enumerate(tables if isinstance(tables, list | tuple) else ()):
        if not isinstance(table, Mapping):
            continue
        name = f"{prefix}{table.get('name', f'layer{number + 1}')}"
        yield name, (*path, number)
        yield from _layers(table.get("layers"), (*path, number, "layers"), f"{name}.")


def _with(content: Any, path: Sequence[str | int], value: Any) -> Any:
    if not path:
        return value
    key, *rest = path
    if isinstance(key, int):
        return [*content[:key], _with(content[key], rest, value), *content[key + 1 :]]
    made = {name: item for name, item in content.items() if name != key or rest or value is not None}
    if rest or value is not None:
        made[key] = _with(content.get(key), rest, value)
    return made
