"""PyTorch beside bptui. PyTorch is imported only when something here is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from bptui.torch.capturing.capture import Capture
    from bptui.torch.capturing.debugging import Debug
    from bptui.torch.capturing.numbers import Keep


def capture(
    path: str | Path,
    *parts: Any,
    tensors: Literal["all", "boundary", "stats"] = "all",
    limit: float = 16.0,
) -> Capture:
    """Record one training step of a PyTorch program into a file, which `bptui run` opens anywhere:

        with bptui.torch.capture("step.bptui", model, optimizer):
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()

    parts    the models and optimizers of the step, for their names; what is not given is found where it is called
    tensors  whose numbers are kept: `all`, `boundary` (parameters, inputs, what modules return, and the gradients of
             these) or `stats` (none but single numbers: the loss); of the others smallest, largest, mean size, NaN, inf
    limit    GB of numbers, beyond which only these are kept
    The results of the program stay the same, bit by bit. Where it fails, what was recorded until then is written."""
    from bptui.torch.capturing.capture import Capture

    return Capture(path, parts, _keep(tensors, limit))


def debug(*parts: Any, tensors: Literal["all", "boundary", "stats"] = "all", limit: float = 16.0) -> Debug:
    """Open the debugger on one training step, in place, as breakpoint() would; the program goes on when it is closed:

        with bptui.torch.debug(model, optimizer):
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()

    parts, tensors, limit: as of `capture`. Where the step fails, it is opened as far as it came, and then raises."""
    from bptui.torch.capturing.debugging import Debug

    return Debug(parts, _keep(tensors, limit))


def _keep(tensors: Literal["all", "boundary", "stats"], limit: float) -> Keep:
    from bptui.torch.capturing.numbers import GIGA, Keep

    if tensors not in ("all", "boundary", "stats"):
        raise ValueError(f"tensors={tensors!r} is none of 'all', 'boundary', 'stats'")
    return Keep(tensors, int(limit * GIGA))
