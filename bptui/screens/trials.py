"""Remedies are run in a thread of their own, while the debugger is used: each is a network by itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from bptui.model.debugger.progress import Cancelled

if TYPE_CHECKING:
    from bptui.model.debugger.branch import Branch


class Trials:
    """One branch at a time. `ready` is called, from the thread, when one more remedy has been tried."""

    def __init__(self, ready: Callable[[], None]) -> None:
        self._ready = ready
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="bptui-remedies")
        self._asked: set[int] = set()
        self._closed = False
        self.job: Future[None] | None = None

    def ask(self, branch: Branch) -> None:
        """Have the remedies of a branch tried, once."""
        if branch.diagnosis is not None and branch.number not in self._asked and not self._closed:
            self._asked.add(branch.number)
            self.job = self._worker.submit(self._run, branch)

    def _run(self, branch: Branch) -> None:
        from bptui.model.debugger.findings.diagnose import trials
        from bptui.model.debugger.progress import Progress

        assert branch.diagnosis is not None
        try:
            for diagnosis in trials(branch.diagnosis, Progress(lambda part, what: not self._closed)):
                branch.diagnosis = diagnosis
                self._ready()
        except Cancelled:
            pass

    def close(self) -> None:
        """End what is running."""
        self._closed = True
        self._worker.shutdown(wait=False, cancel_futures=True)
