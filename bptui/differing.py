"""`bptui diff`: two targets as runs, and what is printed of them. Imports NumPy where it is called, no Textual."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from bptui import arguments
from bptui.model.base.errors import UserError
from bptui.targets import load_named

if TYPE_CHECKING:
    from bptui.model.debugger.diff.runs import Runs
    from bptui.model.debugger.progress import Progress

Write = Callable[[str], None]
USAGE = "bptui diff A B: captured steps, examples or network files"


def asked(options: Namespace) -> tuple[str, str]:
    """The two targets. UserError where there are not two, or where an option makes no sense."""
    if len(options.rest) < 2:
        raise UserError("B" if options.rest else "A", "is missing", USAGE)
    if len(options.rest) > 2:
        raise UserError(options.rest[2][:60], "is one argument too many", USAGE)
    arguments.step(options.at)
    wanted = options.tolerance
    if wanted is not None and not (math.isfinite(wanted) and wanted >= 0):
        raise UserError("--tolerance", f"found {wanted}", "0 or more: 1e-6")
    return options.rest[0], options.rest[1]


def runs(options: Namespace, progress: Progress | None = None) -> Runs:
    """Both targets, loaded, trained up to the step that is asked for, and not yet compared."""
    from bptui.model.debugger.diff.runs import Run, Runs
    from bptui.model.debugger.diff.tolerance import Tolerance
    from bptui.model.debugger.progress import Progress

    def run(target: str) -> Run:
        network = load_named(target)
        history = network.history()
        step = options.at
        if history.last is not None and step > history.last:
            step = history.last
            captures.append(target)
        elif step:
            history.advance(step, lambda done, total: told.report(done / max(1, total), "training"))
        return Run(target, history.recording(step), network, history)

    told = progress or Progress()
    given = None if options.tolerance is None else Tolerance(options.tolerance, "as given")
    first, second = asked(options)
    captures: list[str] = []
    found = Runs(run(first), run(second), given)
    if len(captures) == 2:
        raise UserError(
            "--at", "both are captured steps, which are not trained", "it is for examples and network files"
        )
    found.rows  # noqa: B018  # paired here, not where the screen is drawn
    return found


def printed(options: Namespace, progress: Progress, write: Write) -> int:
    """The comparison as text or JSON; 0, or 1 where something is beyond the tolerance."""
    from bptui.model.base.printable import json_text
    from bptui.model.base.spans import plain
    from bptui.model.debugger.diff import text

    found = runs(options, progress)
    found.advance(progress)
    progress.report(1.0, "comparing")
    if options.json:
        write(json_text(text.as_json(found)))
    else:
        for row in text.report(found):
            write(plain(row).rstrip())
    return 0 if found.first is None else 1
