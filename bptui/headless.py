"""The commands that print and go: trace, check, info. The JSON is a public contract."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from bptui import config
from bptui.model.base import folders, numbers
from bptui.model.base.errors import UserError
from bptui.model.base.printable import clipped, json_text
from bptui.model.base.spans import Line, Span, line, plain
from bptui.model.base.types import Array
from bptui.model.debugger.export import jsonable
from bptui.model.debugger.lines import kind, tensor
from bptui.model.debugger.progress import Progress
from bptui.model.engine import history as training
from bptui.model.engine.graph import Node
from bptui.model.engine.history import History
from bptui.model.engine.lbfgs import NUMBERS, STOPS
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.model.source.network import Network
from bptui.screens.board import Board
from bptui.screens.render import RenderOptions
from bptui.symbolic.card import text as card_text
from bptui.symbolic.card.names import title
from bptui.symbolic.types import BAD, CheckRow, Report

FORMAT = 1
"""The version of the JSON that trace and check print."""

Write = Callable[[str], None]


def trace(name: str, network: Network, steps: int, at: int, as_json: bool, write: Write) -> int:
    """Run `steps` training steps and print step `at`: all values, gradients and updates."""
    history = network.history() if steps == 1 else network.training()
    history.advance(steps, progress=_Meter("training step"))
    recording = history.recording(at)
    if as_json:
        write(json_text(traced(name, network, history, recording, steps)))
        return 0
    for row in report(name, network, history, recording, steps):
        write(plain(row))
    return 0


PAGE = (80, 22)
"""Columns and rows of a board's page where there is no screen: what an 80x24 screen has between status and footer."""


def page(board: Board, write: Write, unicode: bool) -> int:
    """Print what a board shows, with everything computed."""
    progress = Progress()
    try:
        board.lines(*PAGE, RenderOptions(unicode, ansi=True))  # says what it wants to be computed, of a map how fine
        while (work := board.work()) is not None:
            work(progress)
        left, right = board.status()
        write(plain((*left, Span("   "), *right)))
        for row in board.lines(*PAGE, RenderOptions(unicode, ansi=True)):
            write(plain(row).rstrip())
    finally:
        board.close()
    return 0


def shown(recording: Recording) -> dict[str, Node]:
    """The nodes of a step by every name that a user may use, numbers written in a formula left out."""
    return {name: node for name, node in recording.graph.by_name.items() if node.role != "const"}


def traced(name: str, network: Network, history: History, recording: Recording, steps: int) -> Mapping[str, Any]:
    """What `trace --json` prints."""
    nodes = shown(recording)
    last = history.recording(steps - 1)
    grads = {key: recording.grad(node) for key, node in nodes.items()}
    return {
        "format": FORMAT,
        "target": name,
        "dtype": network.dtype,
        "losses": jsonable(history.losses[:steps]),
        "step": {
            "index": recording.step,
            "values": {key: jsonable(recording.value(node)) for key, node in nodes.items()},
            "grads": {key: jsonable(grad) for key, grad in grads.items() if grad is not None},
            "updates": {node.name: _updated(recording, node) for node in network.graph.params},
            **_searched(recording),
        },
        "parameters": {node.name: jsonable(last.after(node)) for node in network.graph.params},
    }


def _updated(recording: Recording, node: Node) -> dict[str, Any]:
    """A parameter before and after its update, the rate of it and each state, where its rule is known."""
    told = {"before": jsonable(recording.before(node)), "after": jsonable(recording.after(node))}
    try:
        rule = recording.update_rule(node)
    except NotRecorded:
        return told
    kept = {
        name: {when: jsonable(recording.state(node, name, when == "after")) for when in ("before", "after")}
        for name in rule.states
    }
    rate = {} if rule.kind == "frozen" else {"lr": rule.learning_rate}
    return {**told, **rate, "states": kept} if kept else {**told, **rate}


def _searched(recording: Recording) -> dict[str, Any]:
    """Of an update of all parameters together: where it looked at the loss, how it went on, why it ended, and what it
    carries from step to step, over all parameters in their order; pairs of move and change as PyTorch has them, the
    oldest first."""
    search, carried = recording.search, {when: recording.carried(when == "after") for when in ("before", "after")}
    if search is None:
        return {}
    looks = [{"iteration": e.iteration, "t": e.t, "loss": jsonable(e.loss), "slope": jsonable(e.slope),
              "parameters": jsonable(e.p), "gradient": jsonable(e.g)} for e in search.evaluations]  # fmt: skip
    moves = [{"t": jsonable(i.t), "evaluation": i.evaluation, "H_diag": jsonable(i.scale), "pairs": i.pairs,
              "slope": jsonable(i.slope), "direction": jsonable(i.d)} for i in search.iterations]  # fmt: skip
    kept = {
        when: {name: jsonable(known[name]) for name in NUMBERS if name != "pairs"}
        | {"old_stps": jsonable(known.s[: known.pairs][::-1]), "old_dirs": jsonable(known.y[: known.pairs][::-1])}
        for when, known in carried.items() if known is not None
    }  # fmt: skip
    told = {"evaluations": looks, "iterations": moves, "stopped": STOPS[search.stopped], "carried": kept}
    return {"search": told}


def report(name: str, network: Network, history: History, recording: Recording, steps: int) -> list[Line]:
    """What `trace` prints for a reader."""
    loss = numbers.significant(recording.loss)
    rows = [line(f"{name}  training step {recording.step}  loss {loss}  {network.dtype}")]
    for node in recording.graph.nodes:
        if node.role == "const":
            continue
        head, *how = title(recording.graph, node)
        rows += [line(""), line((head.text, "bold"), f" {numbers.shape(node.shape)}", *how)]
        rows += _indented("value", _shown(recording.value(node), kind(node)))
        grad = recording.grad(node)
        if grad is not None:
            rows += _indented("gradient", tensor(grad, "gradient"))
        if node.role == "param":
            rows += _indented("after", _shown(recording.after(node), "parameter"))
    if steps > 1:
        first, last = (numbers.significant(float(history.losses[i])) for i in (0, steps - 1))
        rows += [line(""), line(f"loss {first} at training step 0, {last} at training step {steps - 1}")]
    return rows


def _shown(array: Array | None, style: str) -> list[Line]:
    """Its numbers; of a captured step, some may not have been kept."""
    return [line(("not recorded", "dim"))] if array is None else tensor(array, style)


def _indented(label: str, rows: list[Line]) -> list[Line]:
    width = 8
    return [line(f"  {label if i == 0 else '':<{width}}  ", *row) for i, row in enumerate(rows)]


class _Meter:
    """Progress on stderr, once something takes longer than half a second, where someone can see it."""

    def __init__(self, what: str) -> None:
        self.what, self.begun, self.shown = what, time.monotonic(), False
        self.visible = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        late = time.monotonic() - self.begun > 0.5
        if self.visible and (late or self.shown):
            self.shown = done < total
            text = f"{self.what} {done:,} of {total:,}" if self.shown else ""
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def ask(self, part: float, what: str) -> bool:
        """The same for a Progress, in percent; it goes on."""
        self.what = what or self.what
        self(round(100 * part), 100)
        return True


def progress() -> Progress:
    """Progress on stderr, for what takes long."""
    return Progress(_Meter("").ask)


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

    meter = _Meter("operation")

    def progress(done: int, total: int) -> bool:
        meter(done, total)
        return True

    history = network.history()
    recording = _reached(history, at)
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
            write(_wrapped(plain(row)))
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


def diagnose(name: str, network: Network, steps: int | None, as_json: bool, write: Write) -> int:
    """What is wrong with the training of a network in its first steps, each remedy tried; 1 where there is a warning
    or an error."""
    from bptui.model.debugger.findings.diagnose import diagnose as diagnosed
    from bptui.model.debugger.findings.diagnose import trials
    from bptui.model.debugger.findings.text import report

    meter = _Meter("diagnose")
    progress = Progress(meter.ask)
    found = diagnosed(network, steps, progress)
    for tried in trials(found, progress):
        found = tried
    meter(100, 100)
    if as_json:
        findings = [finding.as_json() for finding in found.findings]
        looked = [{"rule": each.rule, "about": each.about, "found": each.found, "skipped": each.skipped}
                  for each in found.looked_for]  # fmt: skip
        content = {"format": FORMAT, "target": name, "steps": found.steps, "findings": findings, "looked_for": looked}
        write(json_text(_finite(content)))
    else:
        for row in report(found):
            write(_wrapped(plain(row)))
    return 0 if found.ok else 1


def predictions(name: str, network: Network, at: int, worst: bool, as_json: bool, write: Write) -> None:
    """Each sample of training step `at` with what the network says of it, what it should say, and its loss."""
    from bptui.model.debugger.prediction_lines import as_json as content
    from bptui.model.debugger.prediction_lines import report as table
    from bptui.model.debugger.session import Session

    history = network.history()
    _reached(history, at)
    session = Session(network, history)
    session.move((at + 1) * session.walk.length - 1)
    if as_json:
        write(json_text({"target": name, "step": at, **content(session, worst)}))
        return
    write(f"{name}  training step {at}  loss {numbers.significant(session.recording.loss)}")
    for row in table(session, worst):
        write(plain(row).rstrip())


def _wrapped(text: str) -> str:
    """A line of prose in rows of the terminal, where there is one: further ones under its second column, or set in."""
    columns = shutil.get_terminal_size().columns
    if len(text) <= columns or sys.stdout is None or not sys.stdout.isatty():
        return text
    start = re.match(r"\s*(\S+\s{2,})?", text)
    inset = start.end() + (0 if start[1] else 2) if start else 2
    return textwrap.fill(text, columns, subsequent_indent=" " * min(inset, columns // 2), break_on_hyphens=False)


def _finite(content: Any) -> Any:
    """The same with words in the place of numbers that JSON does not have."""
    if isinstance(content, dict):
        return {key: _finite(item) for key, item in content.items()}
    if isinstance(content, list):
        return [_finite(item) for item in content]
    return jsonable(np.float64(content)) if isinstance(content, float) else content


class Picture(NamedTuple):
    """What an SVG is like: columns and rows of a screen, the name of a theme."""

    size: tuple[int, int]
    theme: str


def export(network: Network, at: int, what: Sequence[str], file: str | None, picture: Picture, write: Write) -> None:
    """Write what is asked for of training step `at` to a file, and say so; without a file, print it. After `moment` and
    `screen` may come a place, as `goto` reads it."""
    from bptui.model.debugger.session import Session
    from bptui.screens import export as exported
    from bptui.screens.theme import THEMES

    session = Session(network)
    session.progress.ask = _Meter("export").ask
    if at:
        session.goto(f"step {at}")
    word, *place = what
    if word in ("moment", "screen") and place:
        session.goto(" ".join(place))
    wanted = exported.asked(session, word if word in ("moment", "screen") else " ".join(what))
    if wanted.file:
        raise UserError(
            clipped(wanted.file, 60), "is one argument too many", "--to FILE names the file, --at K the step"
        )
    surface = exported.unseen(session, picture.size, THEMES[picture.theme])
    if file is None:
        form = ".svg" if wanted.what == "screen" else ".md"
        write(exported.written(session, wanted, form, surface).rstrip("\n"))
    else:
        write(plain(exported.export(session, replace(wanted, file=file), surface).lines[0]))


def reached(network: Network, at: int) -> Recording:
    """The recording of training step `at`: the steps before it are run."""
    return _reached(network.history(), at)


def _reached(history: History, at: int) -> Recording:
    if at:
        history.advance(at, progress=_Meter("training step"))
    return history.recording(at)


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
    if not isfinite(recording.loss):
        loss = numbers.significant(recording.loss)
        rows.append(line((f"the loss is {loss}: x in bptui run goes to where that arose", "kink")))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in found.counts.items())
    step = f", training step {recording.step}" if recording.step else ""
    rows.append(
        line(f"{network.name}{step}: ", ("ok" if found.ok else "FAIL", "ok" if found.ok else "fail"), f"  {counts}")
    )
    return rows


def name_of(node: str, _: str, wrt: str) -> str:
    """`layer1.a by z`."""
    return f"{node} by {wrt}" if wrt else node


def info(version: str, write: Write) -> int:
    """Print what one would be asked for in a bug report."""
    columns, rows = shutil.get_terminal_size()
    environment = os.environ
    facts = {
        "bptui": version,
        "python": f"{platform.python_version()} {platform.python_implementation()}",
        "system": platform.platform(),
        **{name: _version(name) for name in ("numpy", "sympy", "textual", "torch")},
        "terminal": f"{environment.get('TERM', 'not set')}, {columns}x{rows}"
        + ("" if sys.stdout is not None and sys.stdout.isatty() else ", output is not a terminal"),
        "colours": environment.get("COLORTERM", "COLORTERM is not set")
        + (", NO_COLOR is set" if environment.get("NO_COLOR") else ""),
        "encoding": getattr(sys.stdout, "encoding", None) or "unknown",
        "threads": f"{environment.get('OPENBLAS_NUM_THREADS')} for BLAS, of {os.cpu_count()} processors",
        "limits": f"{training.MAX_STEPS:,} training steps",
        "configuration": config.described(),
        "state": str(folders.state_folder() or "nothing is kept"),
    }
    width = max(map(len, facts))
    for name, fact in facts.items():
        write(f"{name:<{width}}  {fact}")
    return 0


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
