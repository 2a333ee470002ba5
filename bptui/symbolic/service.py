"""One worker thread that derives and checks, the visible first, so that no screen ever waits for SymPy.

`peek` and the check twin `peek_checks` answer at once with what is there; `request` asks for it. SymPy is imported
by the worker when the first thing is asked for. What takes longer than its budget is stopped (an exception raised
inside of the worker; a derivation is pure, so nothing is left behind) and leaves a Failure that says so.
"""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from bptui.model.base.collecting import keep_all
from bptui.model.base.errors import UserError
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.opaque import SAID
from bptui.model.engine.ops.base import Op, Signature
from bptui.model.engine.recording import Recording
from bptui.symbolic.card.error_budget import ErrorBudget
from bptui.symbolic.limit import TIME_LIMIT, Limit, TooLong
from bptui.symbolic.types import CheckRow, Failure, Rule

CHECK_TIME_LIMIT = 10.0
"""Seconds for the check of one node."""
KEPT = 4096
"""Nodes whose checks are kept."""
SOON, LATER = 0, 1

Listener = Callable[[Hashable], None]


class Place(NamedTuple):
    """A number of a training step of a branch: an element of a node's value, or, where `position` says of which of its
    inputs, of its contribution to that input's gradient."""

    branch: Hashable
    step: int
    node: int
    position: int | None
    element: tuple[int, ...]


class Service:
    """Derivations and checks, each computed once. Safe to call from any thread; start-up costs nothing."""

    def __init__(self, budget: float = TIME_LIMIT, check_budget: float = CHECK_TIME_LIMIT) -> None:
        self.budget, self.check_budget = budget, check_budget
        self._lock = threading.Condition()
        self._queue: list[tuple[int, int, Hashable]] = []
        self._jobs: dict[Hashable, tuple[Callable[[], Any], float]] = {}
        self._done: dict[Hashable, Any] = {}
        self._order = itertools.count()
        self._listeners: list[Listener] = []
        self._thread: threading.Thread | None = None
        self._running: Hashable = None
        self._closed = False
        self._limit = Limit()
        self._missing: Failure | None = None
        self._measured: tuple[Recording, Any] | None = None

    # ---------------------------------------------------------------------------------------------- derivations
    def peek(self, op: Op, signature: Signature, wrt: str) -> Rule | Failure | None:
        """The derivation of an input, None while it is not there."""
        found: Rule | Failure | None = self._done.get(_key(op, signature, wrt))
        return found

    def request(self, op: Op, signature: Signature, wrt: str, priority: int = SOON) -> None:
        """Ask for a derivation; asking again only moves it forward."""
        self._ask(_key(op, signature, wrt), lambda: _derive(op, signature, wrt), self.budget, priority)

    def rule(self, graph: Graph, node: Node, position: int) -> Rule | Failure | None:
        """`peek` for an input of a node; requests it where it is not there."""
        assert node.op is not None
        if node.op.opaque:
            return Failure(SAID)
        signature, wrt = graph.signature(node), node.op.input_names[position]
        found = self.peek(node.op, signature, wrt)
        if found is None:
            self.request(node.op, signature, wrt)
        return found

    def warm(self, graph: Graph) -> None:
        """Ask for everything that the cards of a graph will need, in its order, behind what is asked for at sight."""
        asked: set[Hashable] = set()
        for node in graph.ops:
            assert node.op is not None
            inputs = (graph.nodes[i] for i in node.inputs)
            use = node.op.name, *((source.shape, source.wants_grad) for source in inputs), *node.attributes.items()
            if node.op.opaque or use in asked:
                continue
            asked.add(use)
            signature = graph.signature(node)
            for position in graph.passed_to(node):
                self.request(node.op, signature, node.op.input_names[position], LATER)

    # --------------------------------------------------------------------------------------------------- checks
    def peek_checks(self, key: Hashable) -> tuple[CheckRow, ...] | Failure | None:
        """The rows that were asked for under `key`, None while they are not there."""
        found: tuple[CheckRow, ...] | Failure | None = self._done.get(("check", key))
        return found

    def request_checks(self, key: Hashable, work: Callable[[], tuple[CheckRow, ...]], priority: int = SOON) -> None:
        """Run `work` (a `check_node` bound to its recording) in the worker and keep its rows under `key`, which holds
        whatever the numbers depend on (node, training step, branch)."""
        self._ask(("check", key), work, self.check_budget, priority)

    def checks(
        self, recording: Recording, node: Node, branch: Hashable = 0, priority: int = SOON
    ) -> tuple[CheckRow, ...] | Failure | None:
        """The rows of a node (of a parameter, those of its update) in a training step; asks for them where they are not
        there. `branch` names the edits that the numbers depend on."""
        key = (branch, recording.step, node.id)
        found = self.peek_checks(key)
        if found is None:
            self.request_checks(key, lambda: _check(recording, node), priority)
        return found

    # -------------------------------------------------------------------------------------------------- precision
    def peek_budget(self, place: Place) -> ErrorBudget | Failure | None:
        """What was asked for by `request_budget`, None while it is not there."""
        found: ErrorBudget | Failure | None = self._done.get(("budget", place))
        return found

    def request_budget(self, recording: Recording, place: Place) -> None:
        """Measure what a number has lost of its digits: of a value, or of a contribution to an input's gradient. What
        was asked for before and is not there is not asked for any more."""
        key = "budget", place
        with self._lock:
            for old in [k for k in self._jobs if isinstance(k, tuple) and k[0] == "budget" and k != key]:
                del self._jobs[old]
        self._ask(key, lambda: self._measure(recording, place), self.check_budget, SOON)

    def _measure(self, recording: Recording, place: Place) -> ErrorBudget | Failure:
        """In the worker, which keeps the reference of the recording that it measured last."""
        from bptui.symbolic.check import precision

        node, position, element = recording.graph.nodes[place.node], place.position, place.element
        assert node.op is not None
        if self._measured is None or self._measured[0] is not recording:
            self._measured = recording, precision.reference(recording)
        against = self._measured[1]
        if position is None:
            made = precision.of_value(recording, node, element, against)
        else:
            signature, wrt = recording.graph.signature(node), node.op.input_names[position]
            rule = self.peek(node.op, signature, wrt) or _derive(node.op, signature, wrt)
            made = precision.of_contribution(recording, node, position, element, rule, against)
        return made if made is not None else Failure("nothing to measure")

    def request_look(self, recording: Recording, look: Callable[[], Any]) -> None:
        """Have a long look at all numbers of a training step in the worker, behind everything else."""
        self._ask(("look", recording.step), look, self.check_budget, LATER)

    # ---------------------------------------------------------------------------------------------------- common
    def listen(self, listener: Listener) -> None:
        """Have `listener(key)` called when anything is ready: from the worker's thread, so a screen marshals it."""
        self._listeners.append(listener)

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait until nothing is asked for any more; False if it took longer."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._jobs and self._running is None, timeout)

    def close(self) -> None:
        """End the worker; what is running is stopped, what is asked for is dropped."""
        with self._lock:
            self._closed = True
            self._jobs.clear()
            self._queue.clear()
            self._limit.stop()
            self._lock.notify_all()

    def _ask(self, key: Hashable, work: Callable[[], Any], budget: float, priority: int) -> None:
        with self._lock:
            if self._closed or key in self._done or key == self._running:
                return
            self._jobs.setdefault(key, (work, budget))
            heapq.heappush(self._queue, (priority, next(self._order), key))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="bptui-symbolic", daemon=True)
                self._thread.start()
            self._lock.notify_all()

    # ---------------------------------------------------------------------------------------------- in the worker
    def _work(self) -> None:
        self._load()
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._closed or bool(self._queue))
                if self._closed:
                    return
                _, _, key = heapq.heappop(self._queue)
                job = self._jobs.pop(key, None)
                self._running = key if job else None
                if job is None:
                    self._lock.notify_all()
                    continue
            result = self._run(*job)
            with self._lock:
                self._done[key] = result
                self._forget()
                self._running = None
                self._lock.notify_all()
            for listener in tuple(self._listeners):
                try:
                    listener(key)
                except Exception:  # whoever listened is gone (a screen that was closed)
                    self._listeners.remove(listener)

    def _forget(self) -> None:
        """Checks and budgets belong to numbers, so there is no end to them: the oldest go."""
        checks = [key for key in self._done if isinstance(key, tuple) and key[0] in ("check", "budget")]
        for key in checks[:-KEPT]:
            del self._done[key]

    def _load(self) -> None:
        """SymPy, outside of any budget: a first import after an installation compiles for seconds. All that is there
        then stays for good, and is left out of the search for garbage, which would stop a key press for 50 ms."""
        known = "sympy" in sys.modules
        try:
            import sympy  # noqa: F401

            if not known:
                keep_all()
        except ImportError:
            self._missing = Failure("SymPy is not installed: pip install sympy")

    def _run(self, work: Callable[[], Any], budget: float) -> Any:
        if self._missing is not None:
            return self._missing
        try:
            return self._limit.run(lambda: self._work_on(work), budget)
        except TooLong as late:
            return Failure(f"{late}: numbers only")

    def _work_on(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except UserError as error:
            return Failure(str(error))
        except Exception as error:  # a defect of one derivation must not end all others: it is said on its card
            return Failure(f"{type(error).__name__}: {error}")


def _key(op: Op, signature: Signature, wrt: str) -> Hashable:
    """The text belongs to it: two networks may define an operation of the same name."""
    return signature, op.define(signature), wrt


def _check(recording: Recording, node: Node) -> tuple[CheckRow, ...]:
    """In the worker: the module brings SymPy."""
    from bptui.symbolic.check import check_node

    return check_node(recording, node)


def _derive(op: Op, signature: Signature, wrt: str) -> Rule:
    from bptui.symbolic.calculus.define import define
    from bptui.symbolic.calculus.derive import derive
    from bptui.symbolic.calculus.rules import to_rule

    return to_rule(derive(signature, wrt, op), define(signature, op), op)
