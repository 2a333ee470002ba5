"""What `expect` holds a session to: a text that is shown, or the value of an expression."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from math import isfinite, isnan
from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.lines import evaluated

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

_VALUE = re.compile(r"print\s+(?P<expression>.+?)\s+==\s+(?P<value>[^=<>]+)")
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?(?:e[+-]?\d{1,3})?|inf|nan)", re.ASCII)


def expect(session: Session, text: str, shown: str) -> None:
    """UserError where `text` does not stand in what is `shown` (blanks and line ends are all the same), or where, of
    `print EXPR == VALUE`, the expression has another value, to the digits that are written."""
    if not text:
        raise UserError("expect", "something is missing", "expect TEXT, or expect print EXPR == VALUE")
    if value := _VALUE.fullmatch(text):
        _compare(session, value["expression"], value["value"].strip())
    elif " ".join(text.split()) not in " ".join(shown.split()):
        first = next((row for row in shown.splitlines() if row.strip()), "nothing").strip()
        raise UserError("expect", f"'{text[:80]}' is not shown", f"what is shown begins with {first[:80]}")


def _compare(session: Session, source: str, written: str) -> None:
    expression = expressions.parse(source, session.graph)
    try:
        found = np.asarray(expression.evaluate(session.state, session.node), dtype=float)
    except expressions.NotYet as missing:
        raise UserError("expect", f"{source[:60]} is not {written[:60]}", f"{missing} is not computed yet") from None
    numbers: list[str] = []

    def keep(number: re.Match[str]) -> str:
        numbers.append(number[0])
        return "0"

    try:  # the shape from the text with its numbers taken out, so that nothing is read twice
        shape = np.asarray(json.loads(_NUMBER.sub(keep, written)), dtype=float).shape
    except (ValueError, TypeError, RecursionError):
        right = "a number, or lists of them: [[1, 2], [3, 4]]"
        raise UserError("expect", f"'{written[:40]}' is no number", right) from None
    agree = found.shape == shape and all(
        _agree(float(value), number) for value, number in zip(found.flat, numbers, strict=True)
    )
    if not agree:
        said = " ".join(plain(row).strip() for row in evaluated(session, expression))
        raise UserError("expect", f"{source[:60]} is not {written[:60]}", said)


def _agree(value: float, written: str) -> bool:
    """Is this the number that was written, to the digits that were written? Whole numbers are meant exactly."""
    wanted = float(written)
    if not isfinite(wanted) or not isfinite(value) or re.fullmatch(r"-?\d+", written):
        return value == wanted or (isnan(value) and isnan(wanted))
    exponent = Decimal(written).as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(value - wanted) <= 0.5 * 10.0**exponent * (1 + 1e-9)
