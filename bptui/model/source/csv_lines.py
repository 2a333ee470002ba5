"""The lines of a table as people have it: which sign is between its columns, comments, lines that are no table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bptui.model.base.errors import UserError

SIGNS = (";", "\t", "|", ",")
"""What may stand between columns; where several do, what does so equally often in each line, in this order."""
LOOKED_AT = 20
"""Lines that are looked at for that."""
COMMENT = "#"
DECIMAL = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
"""A number with a decimal comma."""


@dataclass(frozen=True)
class Body:
    """The lines that are a table, `skipped` lines from the top of the file on; what is between their columns (" ":
    any number of spaces); how many lines were comments."""

    text: str
    separator: str
    skipped: int
    comments: int


def body_of(text: str, skip: int, separator: str | None, name: str, where: str) -> Body:
    """The table of a file called `name`, without the first `skip` lines, comments and what is empty above it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if skip and skip >= len(lines):
        raise UserError(f"{where}: skip_rows", f"'{name}' has {len(lines)} lines", f"0 to {len(lines) - 1}")
    comments = 0
    for number in range(skip, len(lines)):
        row = lines[number].lstrip()
        # `#,a,b` names a column, `# a comment` does not
        if row.startswith(COMMENT) and row[1:2] not in (*SIGNS, ""):
            lines[number] = ""
            comments += 1
    while skip < len(lines) - 1 and not lines[skip].strip():
        skip += 1
    rows = lines[skip:]
    sign = separator or _separator([row for row in rows[: 10 * LOOKED_AT] if row.strip()][:LOOKED_AT])
    if sign == " ":
        rows = [row.strip().replace("\t", " ") for row in rows]
    return Body("\n".join(rows), sign, skip, comments)


def _separator(rows: list[str]) -> str:
    """What is between the columns of some lines."""
    for sign in SIGNS:
        counts = {row.count(sign) for row in rows}
        if len(counts) == 1 and counts != {0}:
            return sign
    most = max(SIGNS, key=lambda sign: sum(row.count(sign) for row in rows))
    if any(most in row for row in rows):
        return most
    return " " if rows and all(" " in row.strip() or "\t" in row.strip() for row in rows) else ","


def with_point(cell: str) -> str:
    """A number with a decimal comma as one with a point; anything else as it is."""
    return cell.replace(",", ".") if DECIMAL.fullmatch(cell) else cell
