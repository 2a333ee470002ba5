"""Places as a user names them: nodes, elements, layers, phases, numbers and percents. Text → node, index or stop."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence

from bptui.model.base import numbers
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.prose import shorten, some
from bptui.model.base.typed import whole
from bptui.model.base.types import Index
from bptui.model.debugger.walk import Walk
from bptui.model.engine.composites import composites
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.timeline import PHASES, Moment, Phase

LONGEST = 40
"""Of a word that may be a name in few cells."""
MAX_STEP = 10_000_000
"""The furthest training step one can ask for."""

index, shape = numbers.index, numbers.shape
_GLOB = re.compile(r"[*?\[]")
_ELEMENT = re.compile(r"(?P<name>[^\[\]]+?)\s*(?:\[(?P<at>[^\[\]]*)\])?", re.ASCII)
_RIGHT = "a moment's number, a percent, a node, a layer, a phase, `step N`, start or end"


def fit(element: Index, shape: Sequence[int]) -> Index:
    """The element of a tensor of this shape that is nearest to `element`: last axes onto last axes, clipped.

    [1,3] stays in (4,8), is [3] in (8,), [1,0] in (4,1), [] in a scalar. In an empty tensor it is all zeros.
    """
    missing = len(shape) - len(element)
    aligned = (0,) * missing + element if missing >= 0 else element[-len(shape) :] if shape else ()
    return tuple(max(0, min(i, size - 1)) for i, size in zip(aligned, shape, strict=True))


def names(graph: Graph) -> tuple[str, ...]:
    """What can be named: nodes and their aliases, then layers."""
    layers = dict.fromkeys(layer.name for layer in graph.layers)
    for path in dict.fromkeys(node.scope for node in graph.nodes if node.scope):
        layers.update(dict.fromkeys(scopes(path)))
    return (*graph.called, *(name for name in layers if name not in graph.called))


def meant(graph: Graph, text: str, known: Iterable[str], otherwise: str = "") -> str:
    """What would be right, where no node is called `text`: the nodes that are shown so in their layers, or where there
    is no room for all of their names; or the nearest of the known words, or else `otherwise`."""
    shown = [node.name for node in graph.labelled.get(text, ())]
    if not shown and 1 < len(text) < LONGEST and ("_" in text or "…" in text):
        letters = re.compile(re.escape(text).replace("_", r"\w*_").replace("…", ".*"))
        names = {node.name: (node.label, node.name.rpartition(".")[2]) for node in graph.nodes}
        shown = [name for name, forms in names.items() if any(map(letters.fullmatch, forms))]
    if shown:
        return f"one of {some(shown, 6)}" if len(shown) > 1 else f"did you mean '{shown[0]}'?"
    return did_you_mean(text, known, otherwise)


def node(graph: Graph, text: str, where: str) -> Node:
    """The node of that name or alias, or UserError with the nearest name."""
    text = text.strip()
    found = graph.called.get(text)
    if found is None:
        there = f"there are {some(graph.by_name, 6)}"
        raise UserError(where, f"no node is called '{shorten(text, 40)}'", meant(graph, text, graph.called, there))
    return found


def element(graph: Graph, text: str, where: str) -> tuple[Node, Index | None]:
    """`layer1.weight[0,1]` → the node and the index, checked against its shape; None where no index is said."""
    matched = _ELEMENT.fullmatch(text.strip())
    if matched is None:
        raise UserError(
            where, f"'{shorten(text, 40)}' is not a node or an element", "layer1.weight, or layer1.weight[0,1]"
        )
    found = node(graph, matched["name"], where)
    if matched["at"] is None:
        return found, None
    parts = [part.strip() for part in matched["at"].split(",")] if matched["at"].strip() else []
    example = f"{found.name}{shape(found.shape)} has elements like {found.name}{index((0,) * len(found.shape))}"
    if not all(re.fullmatch(r"-?\d{1,9}", part) for part in parts):
        raise UserError(where, f"'[{shorten(matched['at'], 40)}]' is not an index of whole numbers", example)
    at = [int(part) for part in parts]
    if len(at) != len(found.shape):
        raise UserError(where, f"{found.name} has {len(found.shape)} axes, the index has {len(at)}", example)
    for axis, (i, size) in enumerate(zip(at, found.shape, strict=True)):
        if not -size <= i < size:
            raise UserError(where, f"index {i} is outside axis {axis} of {found.name}", f"0 to {size - 1}")
    return found, tuple(i % size for i, size in zip(at, found.shape, strict=True))


def stops_of(found: Node, walk: Walk, step: int, phase: Phase | None = None) -> list[int]:
    """The stops of a training step at which a node is computed, differentiated or updated. The seed is the loss's."""
    base, timeline = step * walk.length, walk.timeline
    return [base + at for at in timeline.all_places(found.id) if phase in (None, timeline.events[at].phase)]


def matching(graph: Graph, text: str) -> frozenset[int]:
    """Ids of the nodes of a name or alias, a layer, an operation, or a glob over any of these; a UserError for none."""
    if text in graph.called:
        return frozenset({graph.called[text].id})
    named = graph.once(_by_word)
    words = fnmatch.filter(named, text) if _GLOB.search(text) else [text]
    found = frozenset(i for word in words for i in named.get(word, ()))
    if not found:
        right = meant(graph, text, (*names(graph), *named, *PHASES), "a node, layer, operation or phase")
        raise UserError("break", f"'{shorten(text, 40)}' is no place", right)
    return found


def _by_word(graph: Graph) -> dict[str, list[int]]:
    """The nodes of each name, layer and operation; of a composite, the one that is its result."""
    found: dict[str, list[int]] = {}
    for node in graph.nodes:
        for word in dict.fromkeys((node.name, *scopes(node.scope), node.op.name if node.op is not None else "")):
            if word:
                found.setdefault(word, []).append(node.id)
    for use in {use.result.id: use for use in composites(graph).values()}.values():
        found.setdefault(use.kind, []).append(use.result.id)
    return found


def scopes(path: str) -> tuple[str, ...]:
    """A layer, and those that it lies in: `blocks.0.attn`, `blocks.0`, `blocks`."""
    parts = path.split(".")
    return tuple(".".join(parts[:n]) for n in range(len(parts), 0, -1))


def first_use(graph: Graph, found: Node) -> str:
    """Where a given value is first used, said as advice."""
    for each in graph.ops:
        if found.id in each.inputs:
            return f"{each.name} uses it first"
    return "nothing uses it"


def parse(text: str, walk: Walk, cursor: Moment, planned: int) -> int:
    """The stop that a user means.

    `42` the 42nd moment of this training step; `+3`, `-3` from here; `50%` of this training step; `start`, `end` of it;
    `forward`, `backward`, `update` that phase's start; `layer2.z` that node, in this phase where it has a moment there;
    `layer2` the start of that layer; `backward layer2.z` both; `step 120`, `step 50%` the same moment of another
    training step, with a place after it (`step 120 backward`).
    """
    words = text.replace(",", " ").split()
    if not words:
        raise UserError("goto", "where to?", _RIGHT)
    if words[0] == "step":
        if len(words) == 1:
            raise UserError("goto step", "which training step?", f"a number from 0, or a percent of {planned}")
        step = training_step(words[1], walk, planned, "goto step")
        cursor = cursor._replace(step=step)
        return parse(" ".join(words[2:]), walk, cursor, planned) if words[2:] else walk.stop(cursor)
    base, length = cursor.step * walk.length, walk.length
    word = words[0].lower()
    if len(words) == 1:
        if number := re.fullmatch(r"([+-]?)(\d{1,12})", word):
            by = int(number[2])
            if number[1]:
                return walk.stop(cursor) + (by if number[1] == "+" else -by)
            if not 1 <= by <= length:
                raise UserError("goto", f"there is no moment {by}", f"1 to {length} in each training step")
            return base + by - 1
        if word.endswith("%"):
            return base + round(_percent(word, "goto") * (length - 1))
        if word in ("start", "end"):
            return base + (0 if word == "start" else length - 1)
    phase: Phase | None = None
    for p in PHASES:
        if p in words:
            phase = p
            words.remove(p)
            break
    if phase is not None and not walk.timeline.count(phase):
        raise UserError("goto", f"there is no {phase}", "nothing is trained" if phase == "update" else "")
    if not words and phase is not None:
        return base + walk.timeline.index(Moment(cursor.step, phase, 0))
    return _named(" ".join(words), walk, cursor, phase)


def _named(name: str, walk: Walk, cursor: Moment, phase: Phase | None) -> int:
    graph = walk.timeline.graph
    found = graph.called.get(name)
    for wanted in (cursor.phase, *PHASES) if phase is None else (phase,):
        stops = (
            stops_of(found, walk, cursor.step, wanted)
            if found is not None
            else [
                stop
                for i in graph.once(_by_word).get(name, ())
                if name in scopes(graph.nodes[i].scope)
                for stop in stops_of(graph.nodes[i], walk, cursor.step, wanted)
            ]
        )
        if stops:
            # the loss has two backward stops, the seed and its own; a name means the operation
            return stops[-1] if found is not None else min(stops)
    if found is not None:
        what = f"no moment computes {name}" if phase is None else f"{name} has no {phase} moment"
        raise UserError("goto", what, first_use(graph, found))
    raise UserError(
        "goto", f"'{shorten(name, 40)}' is not a place", meant(graph, name, (*names(graph), *PHASES), _RIGHT)
    )


def training_step(word: str, walk: Walk, planned: int, where: str) -> int:
    """The training step that a number or a percent of those planned says; a UserError where there can be none."""
    if word.endswith("%"):
        return round(_percent(word, where) * (planned - 1))
    number = whole(word)
    if number is None:
        raise UserError(where, f"'{shorten(word, 40)}' is not a training step", "a number from 0, or a percent")
    step = number - walk.first if number >= walk.first else number
    last = MAX_STEP if walk.last is None else walk.last
    if step > last:
        why = "nothing is trained" if walk.last is not None else ""
        right = f"{walk.first} to {walk.first + last}" if last else f"{walk.first}"
        raise UserError(where, f"there is no training step {number}", f"{right}{', ' + why if why else ''}")
    return step


def _percent(word: str, where: str) -> float:
    try:
        part = float(word[:-1]) / 100
    except ValueError:
        part = -1.0
    if not 0 <= part <= 1:
        raise UserError(where, f"'{shorten(word, 40)}' is not a percent", "0% to 100%")
    return part
