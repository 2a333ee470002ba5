"""What was recorded of one training step: values, events, backward passes and updates, in their order.

Whoever records writes these rows; a file holds them; all that is shown of a captured step is read from them. They know
no framework: a value is numbers with a place in a file, an event is a function's name with its arguments.

An argument is written so that JSON can hold it (`Argument`): numbers, texts, None, lists and tables as they are, and
    {"v": 12} value 12 · {"slice": [start, stop, step]} · {"...": true} Ellipsis · {"dtype": "float32"}
    {"float": "inf"} a number that is not finite · {"other": "Generator"} anything else, by its kind
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from bptui.model.base.types import Array, Shape

Argument = Any
"""See above."""

UNSCALE = "torch._amp_foreach_non_finite_check_and_unscale_"
"""What GradScaler calls to see whether gradients are finite; where they are not, it skips the update."""
FLOATS: Mapping[str, float] = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""The kinds of number that have gradients, and the distance from 1 to the next one."""


class Stats(NamedTuple):
    """What is known of a value without reading it. nan, inf: how many numbers are that; size: the mean of |x| over the
    finite ones; least, largest: of the finite ones (0 where there are none)."""

    nan: int
    inf: int
    size: float
    least: float
    largest: float


@dataclass(slots=True)
class Value:
    """One version of one tensor: what is changed in place is a new value.

    dtype    `float32`, `bfloat16`, `int64`, `bool`, …
    blob     the storage that holds its numbers, -1 where they were not kept (only its `stats` were)
    offset, strides   where in the blob, in elements
    place    offset and strides in the storage of the running program: which elements two views share
    name     of a parameter or a buffer, as the model calls it; else ""
    complex  its last axis, of size 2, is (real, imaginary): see `pairs`
    source   of what is given: the variable that the program has for it, or the function that drew or made it; else ""
    """

    id: int
    dtype: str
    shape: Shape
    blob: int = -1
    offset: int = 0
    strides: tuple[int, ...] = ()
    place: tuple[int, tuple[int, ...]] = (0, ())
    wants_grad: bool = False
    name: str = ""
    source: str = ""
    stats: Stats | None = None
    complex: bool = False


class Site(NamedTuple):
    """The line of the user's own code that called: its file as it is shown, the line from 1, the function's name."""

    file: str
    line: int
    function: str = ""


@dataclass(slots=True)
class Event:
    """One call of a function, by the name that its framework's documentation has for it (`torch.nn.functional.linear`).

    phase    where in the program: `forward`, or `backward` for what was run again inside of a backward pass
    outs     the values that it made; inputs: those that it read, each once
    changed  of what it changed in place: value before → value after (which is one of `outs`)
    module   path of the innermost module (`encoder.layers.0`), "" for none
    notes    `masks`: what a dropout kept (values) · `autocast`: the kind of number of the autocast region · `no_grad`
             · `custom`: the class of a custom function, `inside`: values that its own forward made
             · `results`: all values that it returned, in order, where some of them are its inputs or come twice
             · `hook`: the user's own hooks that changed the gradient on its way through it
             · `reads`: of a derivative that is derived again, the values to which its own backward pass leads
             · `traced`, `again`: said in docs/captured-file.md
    """

    id: int
    phase: Literal["forward", "backward"]
    name: str
    args: list[Argument]
    kwargs: dict[str, Argument]
    outs: list[int]
    inputs: list[int] = field(default_factory=list)
    changed: dict[int, int] = field(default_factory=dict)
    module: str = ""
    site: Site | None = None
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Backward:
    """One backward pass.

    losses   (value, gradient that it started from: a value, or None for 1)
    grads    value → its gradient (a value), in the order of arrival
    parts    (event, value) → the contributions of that event to the gradient of that value
    carried  leaf → its gradient (a value) from before: it was not set to zero, or is accumulated
    after    how many events had happened when it began
    hooked   value → (hooks of the user that changed its gradient, what they made of it): `grads` has it from before
    """

    losses: list[tuple[int, int | None]]
    grads: dict[int, int] = field(default_factory=dict)
    parts: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    carried: dict[int, int] = field(default_factory=dict)
    after: int = 0
    site: Site | None = None
    hooked: dict[int, tuple[str, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Moved:
    """One parameter in an update. value: before; grad: the gradient that the optimizer used (None: it had none, and the
    parameter stays); after: its new value. The optimizer's states, by its own names (`exp_avg`, `step`), before and
    after: {"v": value}, or a plain number."""

    value: int
    grad: int | None = None
    after: int | None = None
    states_before: dict[str, Argument] = field(default_factory=dict)
    states_after: dict[str, Argument] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """Parameters that are updated with the same settings (`lr`, `betas`, …), as the framework calls them."""

    options: dict[str, Argument]
    rows: list[Moved]


@dataclass(slots=True)
class Update:
    """One step of an optimizer. kind: its class, with its module (`torch.optim.adam.Adam`); after: how many events had
    happened; skipped: why it was asked for and not done (a scaler that met inf), else ""."""

    kind: str
    groups: list[Group]
    after: int = 0
    site: Site | None = None
    skipped: str = ""


class Module(NamedTuple):
    """A module of the model: its class, and whether it was in training mode."""

    kind: str
    training: bool


@dataclass
class Step:
    """A recorded step without its numbers.

    parameters  name → the value that it was first
    modules     path → module
    sources     file → line → its text: the lines around each site
    about       what else is known: `framework`, `version`, `reason` (why it was written), `script`, `step`, `rank`, …
    warnings    what the recorder could not follow, one line each
    """

    values: list[Value] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    backwards: list[Backward] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    parameters: dict[str, int] = field(default_factory=dict)
    modules: dict[str, Module] = field(default_factory=dict)
    sources: dict[str, dict[int, str]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def made_by(self) -> Mapping[int, Event]:
        """Value → the event that made it; what is given has none."""
        return {out: event for event in self.events for out in event.outs}

    @cached_property
    def overwritten(self) -> frozenset[int]:
        """The values with a gradient whose numbers were changed behind autograd's back, through `.data`: it goes on
        adding up the gradients of all who read that tensor, before and after."""
        through = {out: event.inputs[0] for event in self.events for out in event.outs
                   if event.name == "torch.Tensor.data.__get__" and event.inputs}  # fmt: skip
        written = (through[value] for event in self.events for value in event.changed if value in through)
        return frozenset(value for value in written if self.values[value].wants_grad and value in self.made_by)

    @cached_property
    def leading(self) -> Sequence[Event]:
        """The events that a loss depends on, in their order, and those that join the gradients of several ranks; all
        of them, where no backward pass was recorded."""
        return self.events if not self.backwards else self.leading_to(self.backwards)

    def leading_to(self, backwards: Sequence[Backward]) -> Sequence[Event]:
        """The same of the losses of some of the backward passes."""
        found: set[int] = set()
        waiting = [loss for backward in backwards for loss, _ in backward.losses]
        while waiting:
            event = self.made_by.get(waiting.pop())
            if event is not None and event.id not in found:
                found.add(event.id)
                waiting += event.inputs
        return [event for event in self.events if event.id in found or event.notes.get("reduces")]


class Record(ABC):
    """A recorded step with its numbers."""

    step: Step

    @abstractmethod
    def array(self, value: int) -> Array | None:
        """The numbers of a value, read-only, in its shape, in its kind (bfloat16 and float8 widened to float32); None
        where they were not kept. UserError where they cannot be read: the file is damaged."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of memory that it keeps."""
