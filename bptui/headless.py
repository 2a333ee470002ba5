"""The commands that print and go: trace, diagnose, predictions, export, info; a board where there is no screen. Their
JSON is a public contract."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bptui import config
from bptui.model.base import folders, numbers
from bptui.model.base.errors import UserError
from bptui.model.base.printable import clipped, json_text
from bptui.model.base.spans import Line, Span, line, plain
from bptui.model.base.types import Array
from bptui.model.debugger.answers.export import jsonable
from bptui.model.debugger.lines import kind, tensor
from bptui.model.debugger.progress import Progress
from bptui.model.engine.graph import Node
from bptui.model.engine.history import History
from bptui.model.engine.lbfgs import NUMBERS, STOPS
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.model.engine.training import MAX_STEPS
from bptui.model.source.network import Network
from bptui.printing import Meter, Write, reached, wrapped
from bptui.screens.board import Board
from bptui.screens.render import RenderOptions
from bptui.symbolic.card.names import title

FORMAT = 1
"""The version of the JSON that trace and check print."""


def trace(name: str, network: Network, steps: int, at: int, as_json: bool, write: Write) -> int:
    """Run `steps` training steps and print step `at`: all values, gradients and updates."""
    history = network.history() if steps == 1 else network.training()
    history.advance(steps, progress=Meter("training step"))
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
    rows = [line(f"{name}  training step {network.first + recording.step}  loss {loss}  {network.dtype}")]
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


def diagnose(name: str, network: Network, steps: int | None, as_json: bool, write: Write) -> int:
    """What is wrong with the training of a network in its first steps, each remedy tried; 1 where there is a warning
    or an error."""
    from bptui.model.debugger.findings.diagnose import diagnose as diagnosed
    from bptui.model.debugger.findings.diagnose import trials
    from bptui.model.debugger.findings.text import report

    meter = Meter("diagnose")
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
            write(wrapped(plain(row)))
    return 0 if found.ok else 1


def predictions(name: str, network: Network, at: int, worst: bool, as_json: bool, write: Write) -> None:
    """Each sample of training step `at` with what the network says of it, what it should say, and its loss."""
    from bptui.model.debugger.answers.prediction_lines import as_json as content
    from bptui.model.debugger.answers.prediction_lines import report as table
    from bptui.model.debugger.session import Session

    history = network.history()
    recording = reached(history, at, network.first)
    session = Session(network, history)
    session.move((recording.step + 1) * session.walk.length - 1)
    if as_json:
        write(json_text({"target": name, "step": at, **content(session, worst)}))
        return
    write(f"{name}  training step {network.first + recording.step}  loss {numbers.significant(session.recording.loss)}")
    for row in table(session, worst):
        write(plain(row).rstrip())


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
    session.progress.ask = Meter("export").ask
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
        "limits": f"{MAX_STEPS:,} training steps",
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
