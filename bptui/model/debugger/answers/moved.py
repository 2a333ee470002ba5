"""moved: which numbers of the parameters moved the loss most in a training step, by gradient × change."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bptui.model.base import arithmetic, numbers
from bptui.model.base.errors import UserError
from bptui.model.base.places import unravel
from bptui.model.base.spans import Line, line
from bptui.model.base.types import Array
from bptui.model.debugger.answers.whatif import DECIMALS, Texts, hides_loss, verdict
from bptui.model.debugger.findings.probe import Prober
from bptui.model.debugger.promise import Promise
from bptui.model.debugger.reply import Reply, say
from bptui.model.engine.arena_recording import ArenaRecording
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MOST = 8
"""Numbers that are told one by one."""
NOT_RECORDED = "not recorded: a captured step ends with its update"
"""Where the loss after it would stand."""


class Moved(NamedTuple):
    """A number of a parameter, its gradient, what the update changed it by, and the product: what that promises."""

    name: str
    gradient: float
    change: float
    product: float


def moved(session: Session, most: int = MOST) -> Reply:
    """The numbers that this training step's update moved, those that promise the most change of the loss first; the sum
    of all, and what the loss really did on the same batch (of a captured step nobody knows). UserError where nothing is
    trained."""
    recording = session.recorded
    updated = [node for node in recording.graph.params if recording.after(node) is not None]
    if not updated:
        raise UserError("moved", "no parameter is updated", "a network that is trained: bptui eval … --train NAMES")
    every = [each for node in updated for each in _largest(session.recording, node.name, most)]
    rows = sorted(every, key=lambda each: -abs(each.product) if each.product == each.product else -math.inf)[:most]
    count = sum(math.prod(node.shape) for node in updated)
    made = _promise(session, recording, updated).seen(False, hides_loss(session))
    step = str(session.walk.first + recording.step)
    head = line(("training step ", "dim"), step, (f"  {count:,} numbers of parameters moved", "dim"))
    really = _really(made) if isinstance(recording, ArenaRecording) else line(("really    ", "dim"), NOT_RECORDED)
    return say(head, *_table(rows, made, count - len(rows)), really)


def _promise(session: Session, recording: Recording, updated: Sequence[Node]) -> Promise:
    """gradient × change, summed over all that was updated."""
    if isinstance(recording, ArenaRecording):
        step = Prober(session.network.program()).step(recording)
        return Promise(None, step.promised, step.loss, step.at(1.0), 0, step=True)
    with np.errstate(all="ignore"):
        parts = (_products(recording, node.name) for node in updated)
        promised = sum(float(part[2].sum()) for part in parts if part is not None)
    return Promise(None, promised, recording.loss, math.nan, 0, step=True)


def _really(made: Promise) -> Line:
    texts = Texts.of(made)
    said = (f"{texts.after} - {texts.before} {texts.difference} {texts.really}", "value")
    return line(("really    ", "dim"), said, (f"   {verdict(made, texts.ratio)}", "kink" if made.broken else "text"))


def _products(recording: Recording, name: str) -> tuple[Array, Array, Array] | None:
    """Gradient, change and their product of one parameter, flat; None where one of them is not there."""
    gradient, before, after = recording.grad(name), recording.before(name), recording.after(name)
    if gradient is None or before is None or after is None:
        return None
    change = np.subtract(after, before, dtype=np.float64)
    return gradient, change, np.multiply(gradient, change, dtype=np.float64).reshape(-1)


def _largest(recording: Recording, name: str, most: int) -> Iterator[Moved]:
    """Those of one parameter that promise the most."""
    with np.errstate(all="ignore"):
        found = _products(recording, name)
    if found is None:
        return
    gradient, change, product = found
    size = np.where(np.isfinite(product), np.abs(product), np.inf)
    few = np.argpartition(-size, most - 1)[:most] if size.size > most else np.arange(size.size)
    for i in few.tolist():
        at = unravel(i, change.shape)
        yield Moved(f"{name}{numbers.index(at)}", float(gradient[at]), float(change[at]), float(product[i]))


def _table(rows: list[Moved], made: Promise, more: int) -> list[Line]:
    """gradient × change = product, a row each, what the others come to, and the sum."""
    running, terms = 0.0, []
    for row in rows:
        running += row.product
        terms.append(arithmetic.Row((row.gradient, row.change), row.product, running))
    after = (("+", made.promised - running),) if more else ()
    total = arithmetic.Sum(terms, (), after, made.promised)
    printed = arithmetic.printed_sum(total, lambda x: numbers.significant(x, DECIMALS))
    cells = [(row.name, *factors, product) for row, (factors, product, _) in zip(rows, printed.rows, strict=True)]
    heads = ("", "gradient", "change", "ΔL")
    rest = (f"and {more:,} more", "", "", printed.after[0][0]) if printed.after else ()
    last = (("promised", "", "", printed.total),)
    every = [heads, *cells, *((rest,) if rest else ()), *last]
    wide = [max(len(row[k]) for row in every) for k in range(4)]
    out: list[Line] = []
    for row in every:
        name, a, b, c = row[0].ljust(wide[0]), row[1].rjust(wide[1]), row[2].rjust(wide[2]), row[3].rjust(wide[3])
        style = "dim" if row in (heads, rest) else "text"
        times, equal = ("×", "=") if row in cells else (" ", printed.sign if row in last else " ")
        out.append(line((name, "parameter" if row in cells else style), f"  {a} {times} {b} {equal} ", (c, "gradient")))
    return out
