"""budget: where a captured step loses its digits, event by event, and what that does to the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base import numbers
from bptui.model.base.spans import Line, line
from bptui.model.debugger.reply import Reply, say
from bptui.model.source.captured.budget import Budget, Loss, budget
from bptui.model.source.captured.network import CapturedNetwork

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MOST = 8
"""Events that are told one by one."""


def tell(session: Session) -> Reply:
    """The events that change the loss most by their rounding, all of them together, and the loss without any. A step
    that this engine ran has nothing to be held against."""
    network = session.network
    if not isinstance(network, CapturedNetwork):
        return say("budget is of a captured step: bptui capture SCRIPT.py records one", ok=False)
    found = budget(network.recording, lambda done, total: session.progress.tick())
    return say(*_lines(session, found))


def _lines(session: Session, found: Budget) -> list[Line]:
    rows = found.losses[:MOST]
    names = [session.graph.nodes[row.node].name for row in rows]
    wide = max((len(name) for name in names), default=0)
    rest = sum(row.effect for row in found.losses[MOST:])
    made = [line(("rounding, by what it does to the loss", "dim")), line((f"{'':<{wide}}   ulps         ΔL", "dim"))]
    made += [_row(name, row, wide) for name, row in zip(names, rows, strict=True)]
    if len(found.losses) > MOST:
        more = f"and {len(found.losses) - MOST:,} more"
        made.append(line((f"{more:<{wide}}", "dim"), f"  {'':>6} {_effect(rest):>11}"))
    made.append(line(f"{'together':<{wide}}  {'':>6} ", (f"{_effect(found.total):>11}", "gradient")))
    loss = session.branch.history.recording(0).loss
    exact = loss - found.total
    if exact == exact:
        made.append(line(("loss as recorded ", "dim"), repr(loss), ("   without rounding ", "dim"), repr(exact)))
    if found.unknown:
        made.append(line((f"{found.unknown} events could not be run: opaque, or not kept", "dim")))
    if found.stopped:
        made.append(line((f"{found.stopped} events have no gradient: what they lose is not in it", "dim")))
    return made


def _row(name: str, row: Loss, wide: int) -> Line:
    lost, effect = numbers.significant(row.ulps, 2), _effect(row.effect)
    return line((f"{name:<{wide}}", "text"), f"  {lost:>6} ", (f"{effect:>11}", "gradient"))


def _effect(x: float) -> str:
    return numbers.significant(x, 3)
