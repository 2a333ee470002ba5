"""Do the targets depend on the inputs at all? Labels that were shuffled apart, inputs of other samples. (Rule 18.)

Two looks that have to agree. The network learns the targets no better than targets that were dealt out at random; and
the data say so, too: at no distance of two samples are their targets nearer, or further, than chance. (Of the parity of
bits neighbours tell: one bit apart the targets always differ.) Held against the same data dealt out at random, as for
the criterion of Gretton et al. 2005.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.types import Array
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.subject import Data, Subject, tenths
from bptui.model.debugger.findings.symptoms import constant_answer
from bptui.model.engine.batches import Batches, draw
from bptui.model.source.network import Network

FEWEST, MOST = 30, 300
"""Samples under which nothing is said, and how many of them are compared with each other."""
SHUFFLES, DEALS = 3, 99
"""How often the network learns targets that were dealt out anew, and how often the data alone are."""
CHANCE = 3.0
"""Standard deviations beyond which it is no chance."""
BINS = (12, 32)
"""Distances that are told apart: classes of equal size, or all where there are no more than the second."""
BETTER = 0.1
"""Part of the constant answer's loss by which real targets have to be learnt better than random ones."""
SHUFFLE = 11
"""The purpose of these draws (see `bptui.model.engine.batches.draw`)."""
LEARNT, WELL = 0.98, 0.5
"""Of the loss of the best constant answer: above the first nothing was learnt yet, below the second it was learnt."""


def dependence(subject: Subject) -> Iterator[Finding]:
    """Targets that are learnt no better than random ones."""
    targets, network, steps = subject.targets, subject.network, subject.steps
    if targets is None or not subject.inputs:
        return
    constant = constant_answer(subject)
    if constant is None or len(targets.values) < FEWEST or not np.isfinite(subject.losses).all():
        return
    last = tenths(subject.losses)[1]
    if not WELL * constant < last < LEARNT * constant:
        return
    near = nearness(subject.inputs[0], targets, network.seed)
    if abs(near) > CHANCE:
        return
    random = []
    for shuffle in range(SHUFFLES):
        history = _dealt(network, targets.node.name, targets.values, shuffle).history()
        history.advance(steps, lambda done, total: subject.progress.tick())
        random.append(tenths(np.asarray(history.losses[:steps]))[1])
    limit = min(random) - max(3 * float(np.std(random)), BETTER * constant)
    if not last >= limit:
        return
    told = ", ".join(significant(x, 4) for x in random)
    yield Finding(
        "data-dependence",
        "warning",
        tuple(dict.fromkeys((*subject.structure.places(targets.node), "data.inputs", "loss"))),
        "targets dealt out at random are learnt as well as these: they do not depend on the inputs",
        node=targets.node.name,
        training_step=steps - 1,
        measured=Measured(last, limit, "TheDeepChecker (fits zeroed inputs as well as real ones); Gretton et al. 2005"),
        evidence=(
            f"loss after {steps} steps {significant(last, 4)}; of targets dealt out at random {told}",
            f"the best constant answer costs {significant(constant, 4)}",
            f"at no distance of two samples are their targets more than "
            f"{significant(abs(near), 2)} standard deviations off chance",
        ),
    )


def nearness(inputs: Data, targets: Data, seed: int) -> float:
    """How far from chance the targets are of samples that are near each other, or lie so far from each other, at the
    distance at which that is most: in standard deviations of DEALS random deals of the targets, below 0 where they are
    further than chance."""
    count = len(targets.values)
    rows = np.sort(_order(seed, DEALS, count)[:MOST])
    y = _kernel(_apart(targets.values[rows], targets.node.whole))
    pairs = np.triu_indices(len(rows), 1)
    square = _apart(inputs.values[rows], inputs.node.whole)
    near = _kernel(square)
    near = (near - near.mean(0) - near.mean(1)[:, None])[pairs]
    apart = np.round(square[pairs], 9)
    distances = np.unique(apart)
    if len(distances) > BINS[1]:
        distances = np.unique(np.quantile(apart, np.linspace(0, 1, BINS[0], endpoint=False)))
    places = np.searchsorted(distances, apart, side="right") - 1

    def profile(order: Array) -> Array:
        dealt = y[np.ix_(order, order)][pairs]
        return np.append(np.bincount(places, dealt, len(distances)), near @ dealt)

    found = profile(np.arange(len(rows)))
    dealt = np.array([profile(_order(seed, deal, len(rows))) for deal in range(DEALS)])
    spread = dealt.std(0)
    away = np.where(spread > 0, (found - dealt.mean(0)) / np.where(spread > 0, spread, 1), 0.0)
    return float(away[np.argmax(np.abs(away))])


def _apart(values: Array, whole: bool) -> Array:
    """The squared distance of each sample to each, each column in its standard deviation; of whole numbers the share
    that differs."""
    flat = values.reshape(len(values), -1)
    if whole:
        return np.asarray(sum(column[:, None] != column for column in flat.T) / flat.shape[1], np.float64)
    flat = flat.astype(np.float64)
    spread = flat.std(0)
    flat = flat / np.where(spread > 0, spread, 1)
    squares = (flat * flat).sum(1)
    return np.asarray(np.maximum(squares[:, None] + squares - 2 * flat @ flat.T, 0))


def _kernel(apart: Array) -> Array:
    """How near each sample is to each: a Gaussian as wide as the middle one of the distances."""
    middle = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0
    return np.asarray(np.exp(-apart / (2 * middle)))


def _order(seed: int, stream: int, count: int) -> Array:
    return np.argsort(draw(seed, SHUFFLE, stream, count), kind="stable")


def _dealt(network: Network, name: str, values: Array, shuffle: int) -> Network:
    """The same network with the targets in another order."""
    mixed = values[_order(network.seed, shuffle, len(values))]
    if network.batches is not None and name in network.batches.arrays:
        arrays = {**network.batches.arrays, name: mixed}
        return replace(network, batches=Batches(arrays, network.batches.size, network.batches.shuffle))
    nodes = tuple(replace(node, value=mixed) if node.name == name else node for node in network.graph.nodes)
    return replace(network, graph=replace(network.graph, nodes=nodes))
