"""What a network says of each sample, beside what it should have said: the facts that panel, plain mode and JSON show.

All of it is a function of a Moment: a prediction is there once it is computed, a loss once the loss is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.debugger.answers.shares import Shares, shares
from bptui.model.debugger.findings.structure import LABELS, REGRESSION, Loss, Structure
from bptui.model.debugger.hidden import REASON, covers
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.masked import kept_back
from bptui.model.engine.ops.labels import class_axis
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.source.network import Network

THRESHOLDS = {"probability": 0.5, "logit": 0.0, "score": 0.0}
LEVELS = {"bit": 0.5, "sign": 0.0}
"""What an output, and what its target, must reach to be of the upper of two classes: by what its loss compares."""
NOT_YET = "the loss is not computed yet"


class Compared(NamedTuple):
    """The nodes of a network that stand side by side. `inputs`: what is given besides, sample by sample."""

    inputs: tuple[Node, ...]
    prediction: Node
    target: Node
    loss: Loss


class Decision(NamedTuple):
    """How an output is read as a class: the largest along an axis (`axis`, counted from the first of one sample), or
    whether it reaches `threshold`, the target `level`. `one_hot`: the largest of the target is its class. `ignored`: a
    class number that does not count, None for none."""

    axis: int | None
    threshold: float = 0.0
    level: float = 0.0
    one_hot: bool = False
    ignored: int | None = None

    @property
    def text(self) -> str:
        """What is right."""
        if self.axis is not None:
            return "the largest output is that of the target"
        return f"{numbers.significant(self.threshold)} or more where the target is the upper class"

    def said(self, prediction: Array, lead: int = 0) -> Array:
        """The classes that the outputs of a sample say; of `lead` 1, those of each sample of a batch."""
        if self.axis is not None:
            return np.asarray(prediction.argmax(axis=self.axis + lead))
        return np.asarray(prediction >= self.threshold, np.int64)

    def wanted(self, target: Array, lead: int = 0) -> Array:
        """The classes that they should say."""
        if self.axis is None:
            return np.asarray(target >= self.level, np.int64)
        return np.asarray(target.argmax(axis=self.axis + lead) if self.one_hot else target)


class Row(NamedTuple):
    """One sample. What is not there yet is None, and so is what cannot be said.

    data    which of all samples of the data it is, where a training step takes some of them
    hidden  a number of it is kept back, and with it what would tell it: its loss, whether it is right
    loss   of this sample alone;  share  its part of the loss, 0 to 1
    right, of  so many of its outputs say what they should; of 0: nothing is decided
    """

    sample: int
    inputs: tuple[Array, ...]
    prediction: Array | None
    target: Array | None
    loss: float | None
    share: float | None
    right: int
    of: int
    hidden: bool = False
    data: int | None = None

    @property
    def is_right(self) -> bool | None:
        """None where there is nothing to be right about, or not yet."""
        return self.right == self.of if self.of else None


@dataclass(frozen=True)
class Predictions:
    """All samples of a training step. `mean`: the loss is the mean of theirs, else their sum; `why` they have none, ""
    where they have; `classes`: the names of the class numbers, where the data have any."""

    compared: Compared
    decision: Decision | None
    rows: tuple[Row, ...]
    mean: bool
    why: str
    classes: tuple[str, ...] = ()

    def named(self, number: float) -> str:
        """A class by its name, or by its number where it has none."""
        return self.classes[int(number)] if 0 <= number < len(self.classes) else numbers.significant(number)

    @property
    def right(self) -> tuple[int, int]:
        """How many outputs say what they should, of how many."""
        return sum(row.right for row in self.rows), sum(row.of for row in self.rows)

    def ordered(self, worst: bool) -> tuple[Row, ...]:
        """By number, or with the largest loss first; without losses what is wrong first."""
        if not worst:
            return self.rows

        def key(row: Row) -> tuple[bool, float, int]:
            loss = row.loss if row.loss is not None else 0.0
            return row.is_right is not False and row.loss is None, -(np.inf if loss != loss else loss), row.sample

        return tuple(sorted(self.rows, key=key))


def predictions(session: Session) -> Predictions | str:
    """Those of the Moment; a reason where the network has none."""
    network, state = session.network, session.state
    found = compared(network)
    if isinstance(found, str):
        return found
    decision = decision_of(network, found, state)
    lost = state.value(session.graph.loss) is not None
    key = decision, state.stage(found.prediction)[0], lost, session.hidden
    kept = _kept(session.recording)
    if key not in kept:
        kept[key] = _predictions(session, found, decision)
    return kept[key]


@lru_cache(4)
def _kept(recording: Recording) -> dict[Any, Predictions]:
    """What was made of a recording: its numbers never change, and each frame asks more than once."""
    return {}


def _predictions(session: Session, found: Compared, decision: Decision | None) -> Predictions:
    """The rows, from the numbers that are there."""
    state, samples = session.state, session.network.samples
    prediction, target = state.shown(found.prediction), state.value(found.target)
    inputs = [value for node in found.inputs if (value := state.value(node)) is not None]
    parts = _losses(session, found)
    hidden = np.zeros(samples, bool)
    for array in (prediction, target):
        if array is not None:
            hidden |= kept_back(array).reshape(samples, -1).any(axis=1)
    right, of = _judged(decision, prediction, target, hidden)
    batches, step = session.network.batches, session.cursor.step
    taken = None if batches is None else batches.rows(session.network.seed, step)
    losses = [None] * samples if parts.losses is None else parts.losses.tolist()
    rows = [
        Row(
            sample,
            tuple(value[sample] for value in inputs),
            None if prediction is None else prediction[sample],
            None if target is None else target[sample],
            numbers.CONCEALED if hidden[sample] else losses[sample],
            None if hidden[sample] else _share(parts, losses[sample]),
            int(right[sample]),
            int(of[sample]),
            bool(hidden[sample]),
            None if taken is None else int(taken[sample]),
        )
        for sample in range(samples)
    ]
    classes = session.network.classes if found.loss.kind in LABELS else ()
    return Predictions(found, decision, tuple(rows), parts.mean, parts.why, classes)


def sort(session: Session, worst: bool) -> None:
    """By number, or with the largest loss first; then that sample is chosen."""
    session.view.worst = worst
    found = predictions(session)
    if worst and isinstance(found, Predictions) and found.rows:
        session.view.predicted = found.ordered(worst)[0].sample


def compared(network: Network) -> Compared | str:
    """What is compared with what, sample by sample; or why nothing is."""
    return network.graph.once(_compared, network.samples)


def _compared(graph: Graph, samples: int) -> Compared | str:
    loss = Structure(graph).loss
    if loss is None or loss.prediction is None or loss.target is None:
        return f"no targets: {graph.nodes[graph.loss].name} compares nothing with what is given"
    prediction, target = loss.prediction, loss.target
    if not samples:
        return f"no samples: {prediction.name} is compared with {target.name}, but no data brings a batch of them"
    for node in (prediction, target):
        if node.shape[:1] != (samples,):
            shape = numbers.shape(node.shape)
            return f"no list: the first axis of {node.name} {shape} is not that of the {samples} samples"
    given = [node for node in graph.nodes if node.role == "input" and not node.scope and node.id != target.id]
    inputs = tuple(node for node in given if node.shape[:1] == (samples,))
    return Compared(inputs, prediction, target, loss)


def decision_of(network: Network, found: Compared, state: State) -> Decision | None:
    """How right and wrong are told; None where there is none: a regression."""
    loss, shape = found.loss, found.prediction.shape
    said, meant = loss.compares.prediction, loss.compares.target
    if meant == "class":
        ignored = loss.node.attributes.get("ignore_index")
        axis = class_axis(loss.node.attributes, shape) % len(shape)
        return Decision(axis - 1, ignored=ignored) if axis else None
    if (said, meant) == ("scores", "distribution") and len(shape) > 1:
        axis = class_axis(loss.node.attributes, shape) % len(shape)
        return Decision(axis - 1, one_hot=True) if axis else None
    if said in THRESHOLDS:
        return Decision(None, THRESHOLDS[said], LEVELS[meant])
    batches = network.batches
    arrays = batches.arrays if batches is not None else {}
    targets = arrays.get(found.target.name, state.recording.value(found.target.id))
    if loss.kind not in REGRESSION or targets is None or found.target.shape != shape:
        return None
    return _read(np.asarray(targets))


def _read(targets: Array) -> Decision | None:
    """Of a loss for numbers: targets that are two classes, as 0 and 1 or -1 and 1, or of which one in each row is 1."""
    values = np.unique(targets)
    if values.tolist() == [-1, 1]:
        return Decision(None)
    if values.tolist() != [0, 1]:
        return None
    rows = targets.reshape(-1, targets.shape[-1])
    hot = targets.ndim > 1 and rows.shape[1] > 1 and bool((rows.sum(axis=1) == 1).all())
    return Decision(targets.ndim - 2, one_hot=True) if hot else Decision(None, 0.5, 0.5)


def _judged(decision: Decision | None, said: Array | None, wanted: Array | None, hidden: Array) -> tuple[Array, Array]:
    """(how many outputs of each sample are right, of how many), both (samples,). NaN is wrong; a sample that is hidden
    has 0 of 0."""
    none = np.zeros(len(hidden), np.int64)
    if decision is None or said is None or wanted is None or not said.size:
        return none, none
    target = decision.wanted(wanted, 1)
    counts = np.ones(target.shape, bool) if decision.ignored is None else target != decision.ignored
    finite = ~np.isnan(said) if decision.axis is None else ~np.isnan(said).any(axis=decision.axis + 1)
    equal = (decision.said(said, 1) == target) & finite & counts
    right, of = (np.count_nonzero(each.reshape(len(hidden), -1), axis=1) for each in (equal, counts))
    return np.where(hidden, 0, right), np.where(hidden, 0, of)


def _losses(session: Session, found: Compared) -> Shares:
    """Once the loss is computed, and none where it is hidden: theirs would tell it."""
    if session.state.value(session.graph.loss) is None:
        return Shares(None, why=NOT_YET)
    if covers(session.hidden, session.graph.nodes[session.graph.loss], "value"):
        return Shares(None, why=REASON)
    return shares(session.recorded, found.prediction.id, session.network.samples, found.loss.reduction != "sum")


def _share(parts: Shares, loss: float | None) -> float | None:
    """Of numbers that are not negative, the part of one."""
    return loss / parts.total if loss is not None and parts.total > 0 else None
