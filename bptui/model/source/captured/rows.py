"""Events, backward passes and updates as JSON, and back: one row a line, in the order in which they happened.

    {"event": {"id": 0, "name": "torch.nn.functional.linear", "args": [{"v": 0}, {"v": 1}], "outs": [2]}}

Keys are the fields of `record.Event`, `Backward` and `Update`; one whose value is empty (or `forward`) is left out.
What has numbers as keys is a list of pairs. docs/captured-file.md says what each is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from math import isfinite
from typing import Any

from bptui.model.base.documents import strict_json
from bptui.model.base.errors import UserError
from bptui.model.source.captured.record import Backward, Event, Group, Moved, Site, Step, Update

MAX_DEPTH = 30
"""Of lists and tables in an argument."""
LISTED = ("masks", "inside", "results")
"""Notes that name values."""
LARGEST = 2**1000
"""No whole number is larger: it has a float."""
BATCH = 2**20
"""Bytes of lines that are parsed at once: what is not yet checked takes so much memory times a few, at most."""
Json = dict[str, Any]


# ------------------------------------------------------------------------------------------------------------ writing
def lines(step: Step) -> Iterator[bytes]:
    """The lines of a step. A backward pass and an update stand before the events that happened after they began."""
    found: list[tuple[int, int, Json]] = [(row.after, 0, {"backward": _backward(row)}) for row in step.backwards]
    found += [(row.after, 1, {"update": _update(row)}) for row in step.updates]
    found += [(row.id, 2, {"event": _event(row)}) for row in step.events]
    for _, _, row in sorted(found, key=lambda item: item[:2]):
        yield in_json(row) + b"\n"


def in_json(content: Any) -> bytes:
    """JSON in one line. What JSON has not is said as `record.Argument` says it, so that no capture fails for one odd
    argument: a number that is not finite as {"float": "nan"}, anything else by its kind."""
    try:
        return json.dumps(content, separators=(",", ":"), allow_nan=False, default=_other).encode()
    except ValueError:
        return json.dumps(_finite(content), separators=(",", ":"), default=_other).encode()


def _other(found: Any) -> Json:
    return {"other": type(found).__name__}


def _finite(found: Any) -> Any:
    if isinstance(found, float) and not isfinite(found):
        return {"float": str(float(found))}
    if isinstance(found, dict):
        return {key: _finite(value) for key, value in found.items()}
    return [_finite(item) for item in found] if isinstance(found, list | tuple) else found


def _filled(found: Json) -> Json:
    return {key: value for key, value in found.items() if value not in ("", [], {}, None)}


def _event(row: Event) -> Json:
    found = {field.name: getattr(row, field.name) for field in fields(row)}
    found |= {"changed": list(row.changed.items()), "phase": "" if row.phase == "forward" else row.phase}
    return {"id": row.id, "name": row.name, **_filled(found)}


def _backward(row: Backward) -> Json:
    parts = [[event, value, found] for (event, value), found in row.parts.items()]
    pairs = {"grads": list(row.grads.items()), "carried": list(row.carried.items())}
    hooked = [[value, name, after] for value, (name, after) in row.hooked.items()]
    found = {"losses": row.losses, **pairs, "parts": parts, "site": row.site, "hooked": hooked}
    return {"after": row.after, **_filled(found)}


def _update(row: Update) -> Json:
    groups = [{"options": group.options, "rows": [_moved(moved) for moved in group.rows]} for group in row.groups]
    return {
        "kind": row.kind,
        "after": row.after,
        **_filled({"groups": groups, "site": row.site, "skipped": row.skipped}),
    }


def _moved(row: Moved) -> Json:
    return _filled({field.name: getattr(row, field.name) for field in fields(row)})


# ------------------------------------------------------------------------------------------------------------ reading
class Odd(ValueError):
    """What is wrong with a row."""


class Rows:
    """Reads the lines of a step that has so many values, and adds the rows to it."""

    def __init__(self, step: Step) -> None:
        self.step, self.values = step, len(step.values)

    def read(self, content: bytes, where: str) -> None:
        """UserError for a line that is none of these rows, or that names a value or an event that is not there."""
        begin, number = 0, 1
        while begin < len(content):
            end = content.find(b"\n", begin + BATCH - 1)
            end = len(content) if end < 0 else end + 1
            number = self._batch(content[begin:end], where, number)
            begin = end
        events = len(self.step.events)
        named = [row.after for row in self.step.updates]
        for backward in self.step.backwards:
            named += [backward.after, *(event + 1 for event, _ in backward.parts)]
        if max(named, default=0) > events:
            raise UserError(where, "a backward pass or an update names an event that is not there")

    def _batch(self, content: bytes, where: str, number: int) -> int:
        """The lines of one batch, parsed as one list; where the first of them has this number. The number after."""
        texts = content.removesuffix(b"\n").split(b"\n")
        try:
            found = strict_json(b"[" + b",".join(texts) + b"]", where)
        except UserError:
            found = []
        if len(found) != len(texts):  # which line is it?
            found = [strict_json(line, f"{where} line {number + i}") for i, line in enumerate(texts)]
        for i, row in enumerate(found):
            try:
                self._row(row)
            except Odd as problem:
                raise UserError(f"{where} line {number + i}", str(problem)) from None
            except KeyError as problem:
                raise UserError(f"{where} line {number + i}", f"there is no {problem}") from None
            except (TypeError, ValueError, AttributeError):
                raise UserError(f"{where} line {number + i}", "is no row of a captured step") from None
        return number + len(texts)

    def _row(self, row: Any) -> None:
        ((kind, found),) = row.items()
        if kind == "event":
            self.step.events.append(self._event(found))
        elif kind == "backward":
            self.step.backwards.append(self._backward(found))
        elif kind == "update":
            self.step.updates.append(self._update(found))
        else:
            raise Odd(f"there is no kind of row '{kind}'")

    def _event(self, row: Json) -> Event:
        number, name, module = row["id"], row["name"], row.get("module", "")
        if type(number) is not int or number != len(self.step.events):
            raise Odd(f"event {str(number)[:20]} stands in the place of event {len(self.step.events)}")
        phase = row.get("phase", "forward")
        if type(name) is not str or type(module) is not str or phase not in ("forward", "backward"):
            raise Odd(f"the name, module or phase of event {number} is none")
        args = row.get("args", [])
        if type(args) is not list:
            raise Odd(f"the arguments of event {number} are no list")
        self._argument(args, 0)
        kwargs, notes = (self.table(row[key]) if key in row else {} for key in ("kwargs", "notes"))
        for key in LISTED if notes else ():
            self._values(notes.get(key, ()))
        outs, inputs = self._values(row.get("outs", ())), self._values(row.get("inputs", ()))
        changed = self._pairs(row.get("changed", ()))
        return Event(number, phase, name, args, kwargs, outs, inputs, changed, module, _site(row), notes)

    def _backward(self, row: Json) -> Backward:
        ends = [(self.value(loss), None if seed is None else self.value(seed)) for loss, seed in row.get("losses", ())]
        rows = row.get("parts", ())
        parts = {(count(event), self.value(value)): self._values(found) for event, value, found in rows}
        if len(parts) < len(rows):
            raise Odd("the same contribution stands twice")
        grads, carried = (self._pairs(row.get(key, ())) for key in ("grads", "carried"))
        hooked = {self.value(value): (text(name), self.value(after)) for value, name, after in row.get("hooked", ())}
        for (_, value), found in parts.items():
            self._alike(value, *found)
        for value, gradient in (*grads.items(), *carried.items(), *((value, g) for value, (_, g) in hooked.items())):
            self._alike(value, gradient)
        for loss, seed in ends:
            self._alike(loss, *(() if seed is None else (seed,)))
        return Backward(ends, grads, parts, carried, count(row["after"]), _site(row), hooked)

    def _update(self, row: Json) -> Update:
        kind, skipped = row["kind"], row.get("skipped", "")
        if type(kind) is not str or type(skipped) is not str:
            raise Odd("the kind of an update is none")
        groups = [
            Group(self.table(group["options"]), [self._moved(moved) for moved in group["rows"]])
            for group in row.get("groups", ())
        ]
        return Update(kind, groups, count(row["after"]), _site(row), skipped)

    def _moved(self, row: Json) -> Moved:
        grad, after = (None if row.get(key) is None else self.value(row[key]) for key in ("grad", "after"))
        before, then = (self.table(row.get(key, {})) for key in ("states_before", "states_after"))
        value = self.value(row["value"])
        self._alike(value, *(found for found in (grad, after) if found is not None))
        return Moved(value, grad, after, before, then)

    # ------------------------------------------------------------------------------------------------------ its parts
    def value(self, found: Any) -> int:
        """The number of a value."""
        if type(found) is not int or not 0 <= found < self.values:
            raise Odd(f"there is no value {str(found)[:20]}")
        return found

    def _values(self, found: Sequence[Any]) -> list[int]:
        for value in found:
            if type(value) is not int or not 0 <= value < self.values:
                raise Odd(f"there is no value {str(value)[:20]}")
        return list(found)

    def _alike(self, value: int, *others: int) -> None:
        """A gradient has the shape of what it is one of, and so has a parameter after its update."""
        values = self.step.values
        for other in others:
            if values[other].shape != values[value].shape:
                raise Odd(f"value {other} belongs to value {value} and has another shape")

    def _pairs(self, found: Any) -> dict[int, int]:
        if not found:
            return {}
        pairs = {self.value(key): self.value(value) for key, value in found}
        if len(pairs) < len(found):
            raise Odd("the same value stands twice")
        return pairs

    def table(self, found: Any) -> Json:
        """A table of arguments: settings, states of an optimizer."""
        if type(found) is not dict:
            raise Odd("settings or states are no table")
        self._argument(found, 0)
        return found

    def _argument(self, found: Any, depth: int) -> None:
        """Odd where an argument is none of `record.Argument`."""
        kind = type(found)
        if kind is dict:
            if len(found) == 1 and isinstance(value := found.get("v"), int):
                self.value(value)
                return
            inside: Any = found.values()
        elif kind is list:
            inside = found
        else:
            if (kind is float and not isfinite(found)) or (kind is int and not -LARGEST < found < LARGEST):
                raise Odd("a number is beyond what a float holds")
            return
        if depth >= MAX_DEPTH:
            raise Odd("an argument is nested too deep")
        for item in inside:
            self._argument(item, depth + 1)


def count(found: Any) -> int:
    """How many events, or which line: a whole number from 0."""
    if type(found) is not int or not 0 <= found < 2**48:
        raise Odd(f"{str(found)[:20]} is no count of events")
    return found


def text(found: Any) -> str:
    """A text."""
    if type(found) is not str:
        raise Odd("a text is none")
    return found


def _site(row: Json) -> Site | None:
    if "site" not in row:
        return None
    file, line, function = row["site"]
    if type(file) is not str or type(line) is not int or not 0 <= line < 2**31 or type(function) is not str:
        raise Odd("a site is no file, line and function")
    return Site(file, line, function)
