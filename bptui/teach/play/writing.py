"""What is played with as a network file: `bptui run` trains it to the same bits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.base.files import write_new
from bptui.teach.play.setup import Setup


def write(setup: Setup, branch: int, name: str) -> str:
    """A new file; what to say of it. UserError where there is one already, or no name."""
    if not name:
        raise UserError("write", "the name of a new file is missing", "write mine.toml")
    if not name.endswith(".toml"):
        raise UserError("write", f"{name[:60]} is no name of a network file", f"{name[:60]}.toml")
    content = dict(setup.document.content)
    content["name"] = Path(name).stem
    folder, data = setup.document.folder, content.get("data")
    if folder is not None and isinstance(data, Mapping) and "file" in data:
        content["data"] = {**data, "file": str((folder / str(data["file"])).resolve())}
    write_new(name, lambda file: file.write(toml(content).encode()), "write")
    told = f"wrote {name}; bptui run {name} trains it"
    return told + " from step 0 with the settings of now: what was changed on the way is not in it" if branch else told


def toml(content: Mapping[str, Any]) -> str:
    """A table as TOML: plain keys, then tables, lists of tables at last."""
    return "\n".join(_lines(content, ())) + "\n"


def _lines(content: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    tables = {key: item for key, item in content.items() if isinstance(item, Mapping)}
    lists = {key: item for key, item in content.items() if _is_tables(item)}
    for key, item in content.items():
        if key not in tables and key not in lists and item is not None:
            yield f"{_key(key)} = {_value(item)}"
    for key, table in tables.items():
        inside = ".".join(map(_key, (*path, key)))
        if path == ("ops",) or not path or any(isinstance(item, Mapping) for item in table.values()):
            if any(not isinstance(item, Mapping) for item in table.values()) or not table:
                yield from ("", f"[{inside}]")
            yield from _lines(table, (*path, key))
        else:
            yield f"{_key(key)} = {_value(table)}"
    for key, rows in lists.items():
        for row in rows:
            yield from ("", f"[[{'.'.join(map(_key, (*path, key)))}]]")
            for name, item in row.items():
                if item is not None:
                    yield f"{_key(name)} = {_value(item)}"


def _is_tables(item: Any) -> bool:
    return isinstance(item, list | tuple) and bool(item) and all(isinstance(each, Mapping) for each in item)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _value(item: Any) -> str:
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, str):
        return json.dumps(item, ensure_ascii=False)
    if isinstance(item, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in item.items()) + "}"
    if isinstance(item, list | tuple):
        return "[" + ", ".join(map(_value, item)) + "]"
    return repr(item)
