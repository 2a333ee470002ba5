"""The page of present mode as a reader in the last row sees it: large digits are read as numbers, what is written above
a number is what it comes out of, a question is held against its answer."""

from __future__ import annotations

import re

from bptui.screens.panels.digits import PLAIN
from tests.unit.symbolic.calculator import NUMBER, Calculator, joined

PICTURE = re.compile(r"[ _|.\-e×=≈~]*\|[ _|.\-e×=≈~]*$")
"""The middle row of large digits."""
ALONE_IN_ROW = re.compile(rf"(?:\S+ ([=≈~]) )?({NUMBER})")
"""The number that comes out: large digits, or with its symbol."""
THAN = re.compile(rf"(larger than|smaller than|the same as) [^?]*?, ({NUMBER})(?![^ ])")
RIGHT = re.compile(rf"v  \d +({NUMBER})")
GROWS = re.compile(rf" is ({NUMBER})\. What does it become\?.* it (grows|shrinks) by ({NUMBER})")
ONE = re.compile(rf"is ({NUMBER}), in size (above|below) 1")


def read(rows: list[str]) -> list[str]:
    """The rows with each three that are digits as one: `0.5100`, `-0.0988 × 0.2499 = -0.0247`."""
    found, y = [], 0
    while y < len(rows):
        line = decoded(rows[y : y + 3]) if PICTURE.match("".join(rows[y + 1 : y + 2])) else ""
        found.append(line or rows[y])
        y += 3 if line else 1
    return found


def decoded(rows: list[str]) -> str:
    """What three rows of large digits say, nothing where they are none."""
    wide = max(map(len, rows), default=0)
    cells = [row.ljust(wide + 3) for row in rows]
    out, x, end = "", 0, -1

    def column(at: int) -> str:
        return "".join(row[at] for row in cells).strip() if 0 <= at < wide else ""

    while x < wide:
        glyph = next((text for text, drawn in PLAIN.items() if (size := len(drawn[0])) and text != "?"
                      and [row[x : x + size] for row in cells] == list(drawn)
                      and not column(x - 1) + column(x + size)), None)  # fmt: skip
        if glyph is not None:
            out += ("" if x == end + 1 or not out else " ") + glyph
            x += len(PLAIN[glyph][0])
            end = x
        elif column(x) in ("", *"×=≈~"):
            out += f" {column(x)}" if column(x) else ""
            x += 1
        else:
            return ""
    return out


def hold(rows: list[str], calculator: Calculator) -> None:
    """All equations and comparisons of a page."""
    page = [row.rstrip() for row in read(rows)]
    calculator.page(page)
    body = [row.strip() for row in page[1:-1] if row.strip()]
    text = " ".join(body)
    for size, side in ONE.findall(text):
        compare(calculator, abs(float(size)) > 1, side == "above", text)
    alone = [n for n, row in enumerate(body) if ALONE_IN_ROW.fullmatch(row)]
    if not alone:
        return
    found = ALONE_IN_ROW.fullmatch(body[at := alone[-1]])
    assert found is not None
    told, sign = found[2], found[1] or "="
    before = joined(body[: at if found[1] else at - 1])  # a symbol stands above large digits
    for n in (1, 2):  # in one row or in two
        written = " ".join(before[-n:])
        calculator.line(f"{written} {sign} {told}" if " = " in written else f"it = {written} {sign} {told}")
    answered(text, told, calculator)


def answered(text: str, told: str, calculator: Calculator) -> None:
    """The answer to the question of a page: it is the number that is shown, and stands to others as is said; where what
    is printed does not tell, it is said by how much they differ."""
    x = float(told)
    for right in RIGHT.findall(text):
        compare(calculator, x, float(right), text)
    for word, other in THAN.findall(text) if ", by " not in text else ():
        said = (word == "larger than", word == "smaller than")
        compare(calculator, (x > float(other), x < float(other)), said, text)
    for start, way, by in GROWS.findall(text):
        calculator.hold(float(start) + float(by) * (1 if way == "grows" else -1), "=", told, text)


def compare(calculator: Calculator, numbers: object, told: object, text: str) -> None:
    """Note whether what is told is what the numbers are."""
    calculator.count += 1
    if numbers != told:
        calculator.wrong.append(f"{text}   → {numbers}")
