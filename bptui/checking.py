"""`bptui check`: every derivative of a training step, beside what else it is held against. Its JSON is a public
contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, NamedTuple

from bptui.model.base import numbers
from bptui.model.base.printable import json_text, one_line
from bptui.model.base.spans import Line, line, plain
from bptui.model.engine.history import History
from bptui.model.engine.recording import Recording
from bptui.model.source.captured.recording import CapturedRecording
from bptui.model.source.network import Network
from bptui.printing import Meter, Write, reached, wrapped
from bptui.symbolic.card import text as card_text
from bptui.symbolic.types import BAD, CheckRow, Report


@dataclass(frozen=True)
class Asked:
    """What else the step is held against: PyTorch, a file of somebody's own numbers, claims about gradients."""

    torch: bool = False
    against: str | None = None
    claims: tuple[str, ...] = ()


def check(network: Network, as_json: bool, write: Write, asked: Asked = Asked(), at: int = 0) -> int:
    """Check every derivative and every update of training step `at`, beside what else is asked for; 0, or 1 where one
    FAILs or differs. Own numbers and claims come first: what is wrong with them is told before the rest runs."""
    from bptui.symbolic.check import check_step, report_json

    meter = Meter("operation")

    def progress(done: int, total: int) -> bool:
        meter(done, total)
        return True

    history = network.history()
    recording = reached(history, at, network.first)
    own = _own(history, recording, asked)
    beside: tuple[CheckRow, ...] = ()
    if asked.torch:
        from bptui.torch.reference import check_torch

        beside = tuple(check_torch(recording))
    found = check_step(recording, progress)
    found = replace(found, rows=(*found.rows, *beside))
    told = replace(found, rows=(*found.rows, *(row for each in own for row in each.rows)))
    if as_json:
        write(json_text({**report_json(told), **{each.key: each.as_json for each in own}}))
    else:
        for row in (*checked(network, recording, found, bool(own)), *(row for each in own for row in each.lines)):
            write(wrapped(plain(row)))
    return 0 if told.ok else 1


class Own(NamedTuple):
    """What somebody brought, held against the step: its key in the JSON, as rows, as JSON, as lines."""

    key: str
    rows: tuple[CheckRow, ...]
    as_json: list[dict[str, Any]]
    lines: list[Line]


STEPS_BEFORE = 20
"""Training steps before one that are looked at, where gradients may have been added up."""


def _own(history: History, recording: Recording, asked: Asked) -> list[Own]:
    def earlier() -> Iterator[Recording]:
        first = max(0, recording.step - STEPS_BEFORE)
        return (history.recording(step) for step in range(recording.step - 1, first - 1, -1))

    found: list[Own] = []
    if asked.against is not None:
        from bptui.model.source import own_numbers
        from bptui.symbolic import against

        held = against.against(recording, own_numbers.read(asked.against), asked.against[:100], earlier=earlier)
        found.append(Own("against", held.rows, against.as_json(held), against.lines(held)))
    if asked.claims:
        from bptui.symbolic.against import claims

        judged = [claims.claim(recording, text) for text in asked.claims]
        told = [row for each in judged for row in claims.lines(each)]
        found.append(Own("claims", tuple(each.row for each in judged), [claims.as_json(each) for each in judged], told))
    return found


def checked(network: Network, recording: Recording, found: Report, brief: bool = False) -> list[Line]:
    """What `check` prints for a reader: a line per node and input (where `brief` only of those with something wrong),
    all that is wrong in full, why rows were skipped, then the counts. Derivatives may be right where numbers are not: a
    loss that is not finite is told."""
    rows: list[Line] = []
    groups: dict[tuple[str, str, str], list[CheckRow]] = {}
    for row in found.rows:
        groups.setdefault((row.node, row.op, row.input), []).append(row)
    width = max((len(name_of(*group)) for group in groups), default=0)
    ops = max((len(op) for _, op, _ in groups), default=0)
    for group, members in groups.items():
        if brief and not any(row.verdict in BAD for row in members):
            continue
        marks = "  ".join(f"{card_text.MARKS.get(row.verdict, (row.verdict + ' ',))[0]}{row.row}" for row in members)
        rows.append(line(f"{name_of(*group):<{width}}  ", (f"{group[1]:<{ops}}", "dim"), f"  {marks}"))
        rows += [card_text.trouble(row) for row in members if row.verdict in BAD]
    for verdict in () if brief else ("skipped", "n/a"):
        notes = Counter(row.note for row in found.rows if row.verdict == verdict)
        rows += [line((f"{verdict}: {note} ({count})", "dim")) for note, count in notes.items() if note]
    if isinstance(recording, CapturedRecording) and not recording.record.step.backwards:
        about = recording.record.step.about
        why = one_line(str(about.get("exception") or about.get("reason") or "the program ended"), 160)
        rows.append(line((f"no backward pass was captured: {why}", "kink")))
    elif not isfinite(recording.loss):
        loss = numbers.significant(recording.loss)
        rows.append(line((f"the loss is {loss}: x in bptui run goes to where that arose", "kink")))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in found.counts.items())
    number = network.first + recording.step
    step = f", training step {number}" if number else ""
    rows.append(
        line(f"{network.name}{step}: ", ("ok" if found.ok else "FAIL", "ok" if found.ok else "fail"), f"  {counts}")
    )
    return rows


def name_of(node: str, _: str, wrt: str) -> str:
    """`layer1.a by z`."""
    return f"{node} by {wrt}" if wrt else node
