"""A training that is played with: a Session, the training step at which one stands, and what is seen from there.

What the screen asks for is noted at once (`settle`, `go`, `toggle`), and carried out in the worker's thread (`work`),
which leaves a whole Frame behind each time. So a key never waits for training, and a frame that nobody has drawn yet
is never made: frames are dropped, training steps are not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from time import perf_counter, sleep
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.edit import Edit
from bptui.model.debugger.edits import parse as edits
from bptui.model.debugger.edits import settings as edit_settings
from bptui.model.debugger.progress import Ask, Cancelled, Progress
from bptui.model.debugger.session import Session
from bptui.model.source.network import Network
from bptui.teach.play.setup import Setup
from bptui.teach.play.sight import Seen, Sight, names_of

SHARE = 3.0
"""Training goes on for so many times as long as a frame took to make and to draw, at least, until the next is made."""
FAR = 1_000_000
"""Training steps that are asked for at once while it runs; they are ended when a frame is due."""

PATIENCE = 0.5
"""Seconds that a key waits for what runs to end."""
NOTICED = 0.3
"""Seconds after which it is said that it works."""
NAP = 0.002
"""Seconds between two looks at whether a frame was drawn, where steps are walked over that have been run already."""

Job = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Frame:
    """What is seen at one training step; whole, and never changed.

    step  the training step · loss  its loss, before its update, as the debugger shows it
    losses  of every step so far · tests  (steps, losses over the test points) where one has looked, ascending
    parameters  by name, before the update, those that are not trained, too
    gradients, after  of those that are trained: in this step, and what its update makes of them
    branch  its number, 0 for the original · on_the_way  something was changed after step 0, or a number by
            hand: no network file trains to this
    """

    setup: Setup
    sight: Sight
    step: int
    loss: float
    losses: Array
    tests: tuple[Array, Array]
    parameters: Mapping[str, Array]
    gradients: Mapping[str, Array]
    after: Mapping[str, Array]
    seen: Seen
    branch: int
    on_the_way: bool

    @property
    def names(self) -> list[str]:
        """Of the layers, the output's last."""
        return names_of(self.setup)

    def weight(self, layer: int) -> Array | None:
        """(inputs, units) of a layer, from 0."""
        return self.parameters.get(f"{self.names[layer]}.weight")

    def bias(self, layer: int) -> Array | None:
        """(units,) of a layer; None where it has none."""
        return self.parameters.get(f"{self.names[layer]}.bias")


class Course:
    """setup  what was set last (the frame says what has come of it) · frame  what was seen last, None before the first
    running  training goes on · said  what happened of itself, until `news` has told it
    """

    def __init__(self, setup: Setup, fps: float = 20.0) -> None:
        self.setup, self.fps = setup, fps
        self.frame: Frame | None = None
        self.running = False
        self.said = ""
        self.cost = 0.0  # seconds that the last frame took to be made and drawn
        self.drawn = True
        self._made = self._since = 0.0
        self._jobs: deque[Job] = deque()
        self._lock = Lock()
        self._hold = self._halt = self._moving = self._away = self._closed = False
        self._ask: Ask | None = None
        self._stale = True
        self._tests: dict[Branch, dict[int, float]] = {}
        self._sights: tuple[tuple[Any, int], Sight] | None = None
        self.session = Session(setup.network())
        self._show()

    # ------------------------------------------------------------------------- asked for, from the screen's thread

    def news(self) -> str:
        """What happened of itself since this was asked, "" for nothing."""
        told, self.said = self.said, ""
        return told

    def toggle(self) -> None:
        """Run, or pause; while it is on its way to a step, stay where it has got to."""
        if self._moving:
            self._halt = True
        else:
            self.running = not self.running

    def go(self, by: int) -> None:
        """So many training steps on, or back."""
        self.running = False
        self._jobs.append(lambda: self._to(self.session.cursor.step + by))

    def to(self, step: int) -> None:
        """To a training step, instead of where it is on its way to."""
        self.running, self._halt = False, self._moving
        self._jobs.append(lambda: self._to(step))

    def settle(self, setup: Setup, anew: bool, said: str) -> None:
        """Another Setup: training starts again, or goes on from here in a branch."""
        before, self.setup = self.setup, setup
        if setup.document is before.document:
            self._stale = True
            return
        if anew:
            self.running = False
        self._jobs.append(lambda: self._settle(setup, before, anew, said))

    def edit(self, text: str) -> None:
        """`layer1.weight[0,1] = 0.3`, from this training step on, in a branch."""
        self._jobs.append(lambda: self._branch(edits.parse(text, self.session.branch, self.session.cursor)))

    def nudge(self, name: str, index: tuple[int, ...], by: float) -> None:
        """An element of a parameter by so much, whatever it is when it comes to that."""

        def job() -> None:
            value = self.session.recording.before(name)
            assert value is not None, "of what is trained everything is recorded"
            at = ",".join(map(str, index))
            text = f"{name}[{at}] = {float(value[index]) + by!r}"
            self._branch(edits.parse(text, self.session.branch, self.session.cursor))

        self._jobs.append(job)

    def undo(self) -> None:
        """Back to the branch that this one was made from, at the same step."""
        self._jobs.append(self._undo)

    def opening(self) -> Session:
        """The session at this very training step. Until `returned` it is left alone."""
        self.running, self._hold = False, True
        there = self._lock.acquire(timeout=PATIENCE)
        self._hold = False
        if not there:
            raise UserError("debug", "something is still being computed", "enter again when it is done")
        try:
            while self._jobs:
                self._jobs.popleft()()
            self._away = True
            self._show()
        finally:
            self._lock.release()
        return self.session

    def returned(self) -> None:
        """The debugger was left: what it did to the session is seen."""
        self._away, self._stale = False, True

    @property
    def busy(self) -> bool:
        """Has something that was asked for taken longer than one notices?"""
        return bool(self._since) and perf_counter() - self._since > NOTICED

    # ------------------------------------------------------------------------------------- done, in the worker's thread

    def work(self) -> Callable[[Progress], None] | None:
        """What there is to do, None for nothing."""
        return self._work if not self._away and (self._jobs or self.running or self._stale) else None

    def _work(self, progress: Progress) -> None:
        with self._lock:
            if self._away:
                return
            self._since, self._ask = perf_counter(), progress.ask
            self.session.progress.ask = self._goes_on
            try:
                while not self._hold and not self._closed:
                    if self._jobs:
                        self._do(self._jobs.popleft())
                    elif self.running:
                        self._run()
                    else:
                        break
            finally:
                self.session.progress.ask = None
                self._show()
                self._since = 0.0

    def _do(self, job: Job) -> None:
        session, self._halt, self._moving = self.session, False, True
        try:
            job()
        finally:
            self._moving = self._halt = False
            session.progress.ask = None
            self.session.progress.ask = self._goes_on

    def _goes_on(self, part: float, what: str) -> bool:
        """Asked from wherever time is spent; False ends that."""
        self._closed = self._ask is not None and not self._ask(part, what)
        paused = not self._moving and not self.running
        return not (self._closed or self._hold or self._halt or paused)

    def _run(self) -> None:
        """Train until it is paused, or a loss is not finite."""
        history = self.session.history
        if history.last is not None:
            self.running, self.said = False, history.ends
            return
        while self.running and not (self._hold or self._closed or self._jobs):
            at, known = self.session.cursor.step, history.steps
            if at < known - 1:  # these steps have been run already: walk over them
                self._look(min(known - 1, at + max(1, self.setup.stride)))
                while not self._due():
                    sleep(NAP)
                    self._goes_on(0, "")
            else:
                try:
                    history.advance(known + FAR, lambda done, total: self.session.progress.tick(), self._due)
                except Cancelled:
                    pass  # what was trained is looked at, all the same
                except UserError as end:  # there are as many steps as a history keeps
                    self.running, self.said = False, str(end)
                self._look(self._finite(known, history.steps))

    def _look(self, step: int) -> None:
        """Stand at a step that has been trained, and see it: nothing ends that."""
        self.session.progress.ask = None
        self._move(step)
        self._show()
        self.session.progress.ask = self._goes_on

    def _due(self) -> bool:
        """Is it time to look at what has been trained?"""
        losses = self.session.history.losses
        if not self._goes_on(0, "") or self._jobs or (len(losses) and not np.isfinite(losses[-1])):
            return True
        return self.drawn and perf_counter() - self._made >= max(1 / self.fps, SHARE * self.cost)

    def _finite(self, first: int, end: int) -> int:
        """Where to stand after steps `first` to `end`: at the end, or at the first loss that is not finite."""
        bad = np.flatnonzero(~np.isfinite(self.session.history.losses[first:end]))
        if not bad.size:
            return end
        self.running = False
        return first + int(bad[0])

    def _to(self, step: int) -> None:
        """Train up to a step, or go back to it; ended, it stands where it got to."""
        before = self.session.history.steps
        self._move(max(0, step))
        if step > before:
            reached = self.session.cursor.step
            at = self._finite(before, reached + 1)
            if at <= reached:
                self._move(at)

    def _move(self, step: int) -> None:
        self.session.move(step * self.session.walk.length)

    def _settle(self, setup: Setup, before: Setup, anew: bool, said: str) -> None:
        try:
            if anew:
                session = Session(setup.network())
                session.recording  # noqa: B018  # its first step is run, so that one that cannot be is refused here
                self._tests, self.session = {}, session
            else:
                session = self.session
                self._branch(edit_settings.of_document(session.branch, session.cursor.step, said, setup.document))
        except UserError:
            self.setup = before
            raise

    def _branch(self, edit: Edit) -> None:
        old, step = self.session.branch, self.session.cursor.step
        if edit.anew:
            self._move(0)
            self.running = False
            self.said = f"{edit.said}: other operations, so training starts again"
        self.session.edit(edit)
        first = 0 if edit.anew else step
        self._tests[self.session.branch] = {at: x for at, x in self._tests.get(old, {}).items() if at < first}

    def _undo(self) -> None:
        parent = self.session.branch.parent
        if parent is None:
            raise UserError(
                "undo", "nothing was changed on the way", "a setting that starts again is set back by its key"
            )
        self.session.switch(parent, "")

    def _show(self) -> None:
        """Make a frame of where the session stands."""
        begun, before = perf_counter(), self.frame
        session = self.session
        if not self._jobs and session.network.document is not None:
            self.setup = replace(self.setup, document=session.network.document)
        setup = replace(self.setup, document=session.network.document or self.setup.document)
        recording, step = session.recording, session.cursor.step
        known = {
            node.name: array
            for node in session.graph.nodes
            if node.role == "param" or (node.role == "input" and node.scope)
            if (array := recording.before(node) if node.role == "param" else recording.value(node)) is not None
        }
        trained = [node.name for node in session.graph.params]
        gradients = {name: array for name in trained if (array := recording.grad(name)) is not None}
        after = {name: array for name in trained if (array := recording.after(name)) is not None}
        sight = self._sight(setup, session.network)
        seen = sight.look(known)
        tests = self._tests.setdefault(session.branch, {})
        if seen.test is not None:
            tests[step] = seen.test
        steps = np.array(sorted(tests), np.int64)
        self.frame = Frame(
            setup, sight, step, float(recording.loss), session.history.losses,
            (steps, np.array([tests[int(at)] for at in steps])), known, gradients, after, seen, session.branch.number,
            any(edit.step or edit.kind == "numbers" for edit in session.branch.edits),
        )  # fmt: skip
        if not np.isfinite(self.frame.loss):
            self.running = False
            if before is None or (before.step, before.branch) != (step, self.frame.branch):
                self.said = _finding(session)
        self._made = perf_counter()
        self.cost, self.drawn, self._stale = self._made - begun, False, False

    def _sight(self, setup: Setup, network: Network) -> Sight:
        key = (setup.document, setup.share)
        if self._sights is None or self._sights[0][0] is not key[0] or self._sights[0][1] != key[1]:
            self._sights, self._tests = (key, Sight(setup, network)), self._kept_tests(setup)
        return self._sights[1]

    def _kept_tests(self, setup: Setup) -> dict[Branch, dict[int, float]]:
        """What is known of test losses: nothing, where other points are tested with."""
        before = self._sights[1].setup if self._sights is not None else setup
        same = before.share == setup.share and before.value("data") == setup.value("data")
        return self._tests if same and before.loss == setup.loss else {}


def _finding(session: Session) -> str:
    """What the debugger finds where a loss is not finite: the first Moment at which a number stops being so."""
    step = session.cursor.step
    found = session.branch.nonfinite(session.recording)
    place = min(found.suspects, default=None)
    for place in sorted(found.suspects):
        if place in found:
            return f"step {step}: {found[place].text}: stopped (enter debugs it, < goes back)"
    return f"step {step}: the loss is not finite: stopped (enter debugs it, < goes back)"
