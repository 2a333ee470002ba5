"""Sequences of words of a captured step: what each position is asked for, and what an attention lets it see.

A position that is asked for a word that it can read learns to copy; an attention that sees only the padding learns
nothing; a loss that counts the padding is mostly of it. All three are read from the numbers of one step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.debugger.findings.captured import at, of
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.subject import Subject
from bptui.model.engine.graph import Node

EMBEDDINGS = ("embedding", "padded_embedding")
RECURRENT, PLAIN = ("gru", "lstm", "rnn_tanh", "rnn_relu"), 9
"""Recurrent calls, and how many arguments they have where sequences are not packed; the last is batch_first."""
SOFTMAX = ("softmax", "masked_softmax")
PRODUCTS = (
    "matmul",
    "__matmul__",
    "bmm",
    "baddbmm",
    "einsum",
    "scaled_dot_product_attention",
    "multi_head_attention_forward",
)
"""Calls that multiply what is computed by what is computed."""
FEWEST = 3
"""Positions from which on a shifted sequence is no chance."""


@dataclass(frozen=True)
class Sequence:
    """Given words, (samples, positions), and the embedding that reads them; `turned`: positions come first there."""

    node: Node
    embedding: Node
    words: Array
    turned: bool

    @property
    def padding(self) -> int | None:
        """The word that stands for none, where the embedding has one."""
        found = self.embedding.attributes.get("padding_idx")
        return found if isinstance(found, int) else None


def words(subject: Subject) -> Iterator[Finding]:
    """Targets that are the words given at their own places, or that an attention sees at the next place; an attention
    that sees only padding; a loss that counts it; a recurrent layer that goes from sample to sample."""
    yield from _across(subject)
    sequences = list(_sequences(subject))
    for sequence in sequences:
        yield from _only_padding(subject, sequence)
    asked = _asked(subject)
    if asked is None:
        return
    for sequence in sequences:
        found = list(_copied(subject, sequence, asked)) or list(_ahead(subject, sequence, asked))
        found += _counted(subject, sequence, asked)
        yield from found
        if found:
            return


def _across(subject: Subject) -> Iterator[Finding]:
    """A recurrent layer that goes along the axis of the samples: as many steps as there are targets, beside others."""
    recording, targets = of(subject), subject.targets
    step = recording.record.step
    if targets is None or not targets.values.ndim:
        return
    for event in step.leading:
        if event.name.rpartition(".")[2] not in RECURRENT or len(event.args) != PLAIN or event.args[-1] is not False:
            continue
        given = event.args[0].get("v") if isinstance(event.args[0], dict) else None
        shape = step.values[given].shape if isinstance(given, int) else ()
        if len(shape) != 3 or shape[1] < 2 or shape[0] < 2 or shape[0] == shape[1]:
            continue
        if len(targets.values) != shape[0] or not targets.values.size % (shape[0] * shape[1]):
            continue
        nodes = recording.captured.nodes_of.get(event.id, ())
        yield Finding(
            "data-dependence", "warning", (event.module or event.name, "data.inputs"),
            f"{event.name.rpartition('.')[2]}{at(event.site)} goes along axis 0 of {numbers.shape(shape)}, and that "
            f"has a target each: from sample to sample, not from moment to moment",
            node=subject.graph.nodes[nodes[0]].name if nodes else "",
            measured=Measured(float(shape[0]), float(len(targets.values)), "the definition of batch_first"),
            evidence=(f"targets {numbers.shape(targets.values.shape)}",),
            advice=("batch_first=True, or the axes swapped: transpose(0, 1)",),
        )  # fmt: skip
        return


def _sequences(subject: Subject) -> Iterator[Sequence]:
    """The words that embeddings read, either axis of which may be that of the positions."""
    for node in subject.graph.ops:
        if node.op is None or node.op.name not in EMBEDDINGS or node.id not in subject.reached:
            continue
        index = subject.structure.inputs(node)[1]
        read = subject.recording(0).value(index)
        if read is None or read.ndim != 2 or min(read.shape) < 1 or not subject.structure.is_data(index):
            continue
        for turned in (False, True):
            given = read.T if turned else read
            if given.shape[1] >= FEWEST:
                yield Sequence(index, node, given, turned)


def _asked(subject: Subject) -> tuple[Array, Array] | None:
    """(class numbers that are asked for, which of them count), None where the targets are others."""
    loss, targets = subject.structure.loss, subject.targets
    if loss is None or targets is None or loss.compares.target != "class" or not targets.node.whole:
        return None
    ignored = loss.node.attributes.get("ignore_index")
    return targets.values, targets.values != (-100 if ignored is None else ignored)


def _laid(sequence: Sequence, asked: tuple[Array, Array]) -> tuple[Array, Array] | None:
    """What is asked for, and what counts, laid out as the words are; None where they are not as many."""
    samples, positions = sequence.words.shape
    shape = (positions, samples) if sequence.turned else (samples, positions)
    if asked[0].size != samples * positions or asked[0].shape not in (shape, (samples * positions,)):
        return None
    target, counts = (each.reshape(shape) for each in asked)
    return (target.T, counts.T) if sequence.turned else (target, counts)


# ----------------------------------------------------------------------------------------------- what is asked for
def _copied(subject: Subject, sequence: Sequence, asked: tuple[Array, Array]) -> Iterator[Finding]:
    """Each position is asked for the word that it is given, and a way leads from the one to the other."""
    laid = None if sequence.turned else _laid(sequence, asked)
    if laid is None or len(np.unique(sequence.words)) < 2:
        return
    target, counts = laid
    if not counts.any() or np.any(target[counts] != sequence.words[counts]) or not _straight(subject, sequence):
        return
    yield Finding(
        "labels", "note", ("data.targets", "loss", *subject.structure.places(sequence.node)),
        f"each target is the word that {sequence.node.name} has at its place: the network is asked for what it is "
        "given",
        node=sequence.embedding.name, measured=Measured(float(counts.sum()), 0.0, "exact"),
        evidence=(f"{numbers.shape(sequence.words.shape)} words, and as many targets, all the same",),
        advice=("for the next word: inputs t[:, :-1], targets t[:, 1:]",),
    )  # fmt: skip


def _straight(subject: Subject, sequence: Sequence) -> bool:
    """Does a way lead from a word to the prediction at its place: through calls that keep positions apart, and that is
    no attention, which may bring it from another sequence? What a recurrent layer gives last has no positions."""
    recording, loss = of(subject), subject.structure.loss
    samples, positions = sequence.words.shape
    if loss is None or loss.prediction is None or samples == positions:
        return False
    step, values_of = recording.record.step, recording.captured.values_of
    reached = set(values_of.get(sequence.embedding.id, ()))
    for event in step.leading:
        if reached.isdisjoint(event.inputs) or event.name.rpartition(".")[2] in PRODUCTS:
            continue
        for out in event.outs:
            shape = step.values[out].shape
            if shape[:1] == (samples * positions,) or positions in shape[1:-1] or shape[:2] in (
                (samples, positions), (positions, samples)
            ):  # fmt: skip
                reached.add(out)
    return not reached.isdisjoint(values_of.get(loss.prediction.id, ()))


def _ahead(subject: Subject, sequence: Sequence, asked: tuple[Array, Array]) -> Iterator[Finding]:
    """The next word is asked for, and an attention sees it."""
    laid = _laid(sequence, asked)
    if laid is None or len(np.unique(sequence.words)) < 2:
        return
    target, counts = laid[0][:, :-1], laid[1][:, :-1]
    if not counts.any() or np.any(target[counts] != sequence.words[:, 1:][counts]):
        return
    for softmax, weights in _attentions(subject, sequence, square=True):
        at = np.arange(weights.shape[-1] - 1)
        seen = (weights[:, :, at, at + 1] != 0).any(1)
        if not seen[counts].any():
            continue
        yield Finding(
            "data-dependence", "warning", ("loss", *subject.structure.places(softmax)),
            f"{softmax.name} lets a position see the next one, and that holds its target: it can be read, not learnt",
            node=softmax.name, measured=Measured(float((seen & counts).sum()), 0.0, "exact"),
            evidence=(f"of {int(counts.sum())} targets that are the next word {int((seen & counts).sum())} are seen",),
            advice=("a causal mask: is_causal=True, or scores.masked_fill(triu(…, 1), -inf)",),
        )  # fmt: skip
        return


# ------------------------------------------------------------------------------------------------------- attention
def _attentions(subject: Subject, sequence: Sequence, square: bool = False) -> Iterator[tuple[Node, Array]]:
    """The softmax of each attention over these words, with its weights: (samples, heads, queries, positions); heads
    and queries on one axis unless it is `square`."""
    samples, positions = sequence.words.shape
    for node in subject.graph.ops:
        if node.op is None or node.op.name not in SOFTMAX or node.id not in subject.reached or len(node.shape) < 2:
            continue
        if node.shape[-1] != positions or node.attributes.get("axis", -1) not in (-1, len(node.shape) - 1):
            continue
        each = positions * positions if square else positions
        if prod(node.shape) % (samples * each) or (square and node.shape[-2] != positions):
            continue
        if sequence.embedding.id not in subject.graph.before(node.id) or subject.structure.scores(node) is None:
            continue
        weights = subject.recording(0).value(node)
        if weights is not None and np.isfinite(weights).all():
            yield node, weights.reshape(samples, -1, *((positions, positions) if square else (1, positions)))


def _only_padding(subject: Subject, sequence: Sequence) -> Iterator[Finding]:
    """An attention that sees one word only, wherever it stands, and hides all others."""
    if sequence.turned:
        return
    for softmax, weights in _attentions(subject, sequence):
        seen = (weights != 0).any(axis=(1, 2))
        shown, hidden = np.unique(sequence.words[seen]), np.unique(sequence.words[~seen])
        if len(shown) != 1 or len(hidden) < 2 or shown[0] in hidden:
            continue
        yield Finding(
            "data-dependence", "warning", subject.structure.places(softmax),
            f"{softmax.name} sees the places of {sequence.node.name} that hold {shown[0]}, and hides all others: its "
            "mask is the wrong way round",
            node=softmax.name, measured=Measured(float(seen.sum()), float((~seen).sum()), "exact"),
            evidence=(f"{int(seen.sum())} places are seen, {int((~seen).sum())} of {len(hidden)} other words are not",),
            advice=("key_padding_mask and masked_fill: True hides · scaled_dot_product_attention: True is seen",),
        )  # fmt: skip
        return


def _counted(subject: Subject, sequence: Sequence, asked: tuple[Array, Array]) -> Iterator[Finding]:
    """Targets that are the padding of the same vocabulary, and count."""
    loss, padding = subject.structure.loss, sequence.padding
    table = subject.structure.inputs(sequence.embedding)[0]
    if loss is None or loss.prediction is None or padding is None or loss.node.shape != ():
        return
    axis = 1 if len(loss.prediction.shape) > 1 else 0
    empty = asked[1] & (asked[0] == padding)
    if table.shape[0] != loss.prediction.shape[axis] or not empty.any() or padding not in sequence.words:
        return
    share = float(empty.sum() / asked[1].sum())
    yield Finding(
        "labels", "warning", ("loss", "data.targets"),
        f"{numbers.significant(100 * share, 3)} % of the targets that count are {padding}, the padding of "
        f"{sequence.embedding.scope or sequence.embedding.name}",
        node=loss.node.name, measured=Measured(share, 0.0, "exact: padding_idx of the embedding"),
        evidence=(f"{int(empty.sum())} of {int(asked[1].sum())}",),
        advice=(f"ignore_index={padding} in the loss",),
    )  # fmt: skip
