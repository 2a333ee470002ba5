"""A reentrant checkpoint runs its part without autograd, and once more in the backward pass: the gradients that arrive
in the second run are those of the values of the first."""

from __future__ import annotations

from bptui.model.source.captured.record import Event, Step

CHECKPOINT = "CheckpointFunction"


def join(step: Step, runs: list[list[Event]]) -> None:
    """Give the first runs the gradients of the second ones. runs: what was run again, in the backward pass's order."""
    made = {out: event for event in step.events for out in event.outs}
    waiting = [event for event in step.events if event.notes.get("custom") == CHECKPOINT and event.phase == "forward"]
    for run in runs:
        if not waiting:
            return
        outer = waiting.pop()
        first = _inside(step, made, outer)
        second = run[-len(first) :] if first else []
        if first and [event.name for event in first] == [event.name for event in second]:
            _join(step, outer, first, second)


def _inside(step: Step, made: dict[int, Event], outer: Event) -> list[Event]:
    found: set[int] = set()
    search = list(outer.notes.get("inside", []))
    while search:
        event = made.get(search.pop())
        if event is not None and event.id not in found and event.notes.get("no_grad"):
            found.add(event.id)
            search += event.inputs
    return [step.events[number] for number in sorted(found)]


def _join(step: Step, outer: Event, first: list[Event], second: list[Event]) -> None:
    same: dict[int, int] = {}
    owners = {}
    for a, b in zip(first, second, strict=True):
        same |= dict(zip(b.outs + b.inputs, a.outs + a.inputs, strict=False))
        owners[b.id] = a.id
        a.notes.pop("no_grad")
        a.notes["again"] = True
        for out, twin in zip(a.outs, b.outs, strict=False):
            step.values[out].wants_grad = step.values[twin].wants_grad
    inside = outer.notes["inside"]
    for backward in step.backwards:
        for twin, value in same.items():
            if twin in backward.grads:
                backward.grads[value] = backward.grads[twin]
        for event, twin in list(backward.parts):
            if event in owners and twin in same:
                backward.parts[owners[event], same[twin]] = backward.parts.pop((event, twin))
        for value in outer.inputs:
            backward.parts.pop((outer.id, value), None)
        for out, value in zip(outer.outs, inside, strict=False):
            if out in backward.grads:
                backward.parts[outer.id, value] = [backward.grads[out]]
    outer.name = "bptui.same"
    outer.inputs, outer.args = list(inside), [{"v": inside[0]}]
