"""A step held against somebody else's numbers: what there is to say, as rows, as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, line
from bptui.model.base.types import Array
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.model.source.own_numbers import Own
from bptui.symbolic.against import updates, values
from bptui.symbolic.against.backward import Backward
from bptui.symbolic.against.causes import SECONDS, Cause, Earlier, Search, Why, ratio, said
from bptui.symbolic.against.compare import Compared, compare
from bptui.symbolic.against.names import matched
from bptui.symbolic.types import CheckRow, Verdict

NEAR = 1e-2
"""Numbers that are off by less, as a part of the largest, are said to be near."""
WORDS = {"value": "value", "grad": "gradient", "update": "after the update"}


@dataclass(frozen=True)
class Held:
    """One tensor of theirs, compared, and why it differs (None where it does not)."""

    compared: Compared
    why: Why | None = None

    @property
    def row(self) -> CheckRow:
        """As a row of the check: `got` is theirs, `expected` ours."""
        c = self.compared
        op = c.node.op.name if c.node.op else c.node.role
        verdict: Verdict = "ok" if c.equal else "FAIL"
        at = c.worst if c.ours.size else ()
        if not c.ours.size:
            return CheckRow(c.node.name, op, "", "against", "ok", note=self.note)
        got, expected = float(c.theirs[at]), float(c.ours[at])
        error, allowed = float(c.error[at]), float(np.broadcast_to(c.allowed, c.ours.shape)[at])
        note = f"{WORDS[c.of]}{f'; {self.note}' if self.note else ''}"
        return CheckRow(c.node.name, op, "", "against", verdict, error, allowed, at, got, expected, note)

    @property
    def note(self) -> str:
        """How the name and the layout were understood, the factor, the causes: in one line."""
        return "; ".join((*self.understood, *self.reasons))

    @property
    def understood(self) -> tuple[str, ...]:
        """What was done to compare at all: another name, another layout, few digits."""
        c = self.compared
        own = c.match.own
        name = (f"'{own.name}' read as {c.node.name}",) if c.match.said else ()
        layout = (f"given {c.layout.said}",) if c.layout.said else ()
        return (*name, *layout, *((own.written,) if own.written and c.equal else ()))

    @property
    def reasons(self) -> tuple[str, ...]:
        """The factor, and what explains it."""
        why = self.why
        if why is None:
            return ()
        told = [f"{said(why.factor)} × bptui's in every element"] if why.factor is not None else []
        if why.follows:
            return (*told, f"right for your {why.follows}, which differs")
        told += [" · or · ".join(f"{cause.kind}: {cause.text}" for cause in why.causes)] if why.causes else []
        told += [f"{why.others} more slips give the same numbers"] if why.others else []
        return tuple(told)


@dataclass(frozen=True)
class Against:
    """All that was held against a step. `complete`: there was time to try every slip."""

    held: tuple[Held, ...]
    complete: bool = True

    @property
    def rows(self) -> tuple[CheckRow, ...]:
        """As rows of the check."""
        return tuple(each.row for each in self.held)

    @property
    def ok(self) -> bool:
        """Does everything agree?"""
        return all(each.compared.equal for each in self.held)


def against(
    recording: Recording, given: Sequence[Own], where: str, seconds: float = SECONDS, earlier: Earlier = tuple
) -> Against:
    """Hold numbers against a step; `earlier`: the training steps before it. A UserError for names and shapes that are
    not there."""
    matches = matched(recording.graph, given, where)
    for match in matches:
        if match.own.of == "grad" and recording.grad(match.node) is None:
            what = f"'{match.own.name[:60]}': {match.node.name} has no gradient"
            raise UserError(where, what, 'a value: {"values": {NAME: …}}')
        if match.own.of == "update" and match.node.role not in ("param", "state"):
            raise UserError(where, f"'{match.own.name[:60]}': {match.node.name} is not updated")
    try:
        compared = compare(recording, matches, where)
    except NotRecorded as why:
        raise UserError(where, str(why)) from None
    search = Search(recording, compared, seconds, earlier)
    found = {id(c): why for c, why in zip(search.wrong, search.run(), strict=True)}
    theirs = {of: {c.node.id: c.theirs for c in compared if c.of == of} for of in ("value", "grad")}
    for c in compared:
        if c.equal:
            continue
        if c.of == "value":
            wrong = {c.node.id: c.theirs for c in compared if c.of == "value" and not c.equal}
            found[id(c)] = values.explained(recording, c, wrong)
        elif c.of == "update":
            own = next((o for o in search.wrong if o.node.id == c.node.id), None)
            found[id(c)] = updates.explained(recording, c, own.theirs if own else None)
        elif _follows(search.backward, c, theirs["grad"]):
            found[id(c)].follows = "gradients of what it goes into"
    return Against(tuple(Held(c, found.get(id(c))) for c in compared), search.complete)


def _follows(backward: Backward, c: Compared, theirs: dict[int, Array]) -> bool:
    """Is their gradient what ours would be, from their gradients of all that the node goes into, which differ?"""
    pairs = backward.graph.consumers[c.node.id]
    if not pairs or any(consumer not in theirs for consumer, _ in pairs):
        return False
    parts = [backward.right(backward.graph.nodes[i], position, theirs[i]) for i, position in pairs]
    made = np.sum(parts, axis=0)
    return c.agrees(made)


def lines(found: Against) -> list[Line]:
    """What a reader sees: a line for each tensor, in full what differs, and what one slip explains, once."""
    rows: list[Line] = []
    width = max((len(each.compared.node.name) for each in found.held), default=0)
    for each in found.held:
        c = each.compared
        mark = ("✓", "ok") if c.equal else ("≠", "fail")
        rows.append(line(mark, f" {c.node.name:<{width}}  ", (f"{WORDS[c.of]:<9}", "dim"), *_parts(each)))
        rows += [] if c.equal else list(_differs(each, width))
    rows += list(_causes(found.held))
    if not found.complete:
        rows.append(line(("there was no time to try every slip", "dim")))
    wrong = sum(not each.compared.equal for each in found.held)
    verdict = ("equal", "ok") if not wrong else (f"{wrong} of {len(found.held)} differ", "fail")
    rows.append(line("yours against bptui's: ", verdict))
    return rows


def _parts(each: Held) -> Iterator[str | tuple[str, str]]:
    c = each.compared
    yield "  equal" if c.equal else f"  {int(c.differs.sum())} of {c.ours.size} differ"
    if each.understood:
        yield f"  ({'; '.join(each.understood)})", "dim"


def _differs(each: Held, width: int) -> Iterator[Line]:
    """Where, both numbers, and the factor."""
    c = each.compared
    places = {"first": c.first, "worst": c.worst} if c.first != c.worst else {"at": c.worst}
    for word, at in places.items():
        yours, ours = (numbers.significant(float(x[at]), 9) for x in (c.theirs, c.ours))
        one = ratio(np.asarray(c.theirs[at]), np.asarray(c.ours[at]), c) if c.ours[at] else None
        times = f"  {numbers.significant(float(c.theirs[at] / c.ours[at]))} times" if one is not None else ""
        where = numbers.index(at)
        yield line(f"    {word} {where}".ljust(width + 4), f"  yours {yours}  bptui {ours}", (times, "dim"))
    largest = float(np.max(np.abs(c.ours), where=np.isfinite(c.ours), initial=0.0))
    if largest and (off := float(np.max(c.error)) / largest) <= NEAR:
        yield line((f"    near: off by at most {numbers.significant(off, 2)} of the largest number", "dim"))
    why = each.why
    if why is not None and why.factor is not None and c.ours.size > 1:
        yield line(f"    {said(why.factor)} × bptui's in every element")
    if why is not None and why.follows:
        yield line(f"    right for your {why.follows}, which differs: the slip is there")
    elif why is not None and not why.causes:
        yield line(("    no slip that bptui knows gives these numbers", "dim"))


def _causes(held: Iterable[Held]) -> Iterator[Line]:
    """Each explanation once, with all that it explains."""
    told: dict[tuple[str, ...], list[str]] = {}
    more: dict[tuple[str, ...], int] = {}
    for each in held:
        if each.why is not None and each.why.causes and not each.why.follows:
            key = tuple(cause.text for cause in each.why.causes)
            told.setdefault(key, []).append(each.compared.node.name)
            more[key] = each.why.others
    for texts, names in told.items():
        head = ", ".join(names)
        if len(texts) == 1:
            yield line(("▸ ", "kink"), (head, "bold"), f": {texts[0].removeprefix(f'{head}: ')}")
            continue
        yield line(("▸ ", "kink"), (head, "bold"), ": one of these, which the numbers do not tell apart")
        yield from (line(f"    {text}") for text in texts)
        if more[texts]:
            yield line((f"    and {more[texts]} more", "dim"))


def as_json(found: Against) -> list[dict[str, Any]]:
    """What `check --json` adds under "against"."""

    def cause(x: Cause) -> dict[str, Any]:
        return {"kind": x.kind, "text": x.text, "explains": list(x.explains)}

    def one(each: Held) -> dict[str, Any]:
        c, why = each.compared, each.why
        return {
            "name": c.match.own.name,
            "node": c.node.name,
            "of": c.of,
            "equal": c.equal,
            "layout": c.layout.said,
            "differ": int(c.differs.sum()),
            "first": None if c.equal else list(c.first),
            "worst": None if c.equal else list(c.worst),
            "factor": None if why is None else why.factor,
            "follows": "" if why is None else why.follows,
            "causes": [cause(x) for x in why.causes] if why is not None else [],
        }  # fmt: skip

    return [one(each) for each in found.held]
