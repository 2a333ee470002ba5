"""What a rule may say for where it becomes operations (`bptui.model.engine.lifted`); elsewhere it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def operation(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is an operation's mathematics: where a rule becomes operations (`bptui.model.engine.lifted`), it
    is that operation, and not the calls that it consists of."""

    @wraps(function)
    def called_on(*inputs: Any, **attributes: Any) -> Any:
        as_operation = next((call for x in inputs if (call := getattr(x, "call", None)) is not None), None)
        if as_operation is None:
            return function(*inputs, **attributes)
        return as_operation(called_on, *inputs, **attributes)

    return called_on


def held(x: Any) -> Any:
    """x, by which nothing is derived where a rule becomes operations: what is made with it is the same for any x."""
    as_operation = getattr(x, "held", None)
    return x if as_operation is None else as_operation()
