"""CSV files as people have them: a header or none, an index, classes by name, values that are missing, titles on top.

What is taken is said: every choice that the file's owner did not make is a note, and what cannot be taken is told with
its line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.numbers import significant
from bptui.model.base.printable import few, one_line
from bptui.model.base.types import Array
from bptui.model.engine.arrays import MAX_ELEMENTS
from bptui.model.source.csv_lines import COMMENT, DECIMAL, Body, body_of, with_point

MAX_COLUMNS = 100_000
MAX_CLASSES = 10_000
MISSING = ("", "?", "na", "n/a", "nan", "null", "none", "-")
"""What stands where a value is missing, in small letters."""
UNNAMED = ("", "unnamed: 0", "index")
"""What a column is called, in small letters, that only counts the rows."""
TOLD = 8
"""Names that a note or a message tells one by one."""
CLASSES = 'classes = "sorted" takes names as class numbers'
Column = str | int


@dataclass(frozen=True)
class Wanted:
    """What is taken of a CSV file. Columns are names of the header, or numbers from 0 (from the end: -1).

    targets    the columns, or how many of the last;  inputs  None: all that are neither targets nor left out
    skip       columns, and `skip_rows` lines at the top, that are left out
    missing    a row with a value that is missing is refused, or left out
    classes    their names in the order of their numbers; "sorted": as they sort; None: names as they sort, numbers as
               they are
    labels     the targets are classes
    separator  what is between columns (" ": any number of spaces; None: what is seen);  decimal  in numbers "." or ","
    """

    targets: int | tuple[Column, ...] = 1
    inputs: tuple[Column, ...] | None = None
    skip: tuple[Column, ...] = ()
    skip_rows: int = 0
    missing: Literal["refuse", "skip"] = "refuse"
    classes: Literal["sorted"] | tuple[str, ...] | None = None
    labels: bool = False
    separator: str | None = None
    decimal: str = "."


PLAIN = Wanted()
"""The last column is the target, all others are inputs."""


class Read(NamedTuple):
    """Inputs and targets, (samples, columns) each; what was chosen for the owner; of sequences in an NPZ file, how many
    positions each sample has."""

    inputs: Array
    targets: Array
    notes: tuple[str, ...] = ()
    lengths: Array | None = None
    classes: tuple[str, ...] = ()
    """Their names, by number."""


@dataclass(frozen=True)
class _Rows:
    """The rows of a file: `header` (none: []), `cells` of each row, and the line in which each begins. `numbers`: all
    of them at once, where NumPy could read the file."""

    header: Sequence[str]
    width: int
    cells: Sequence[Sequence[str]] = ()
    lines: Sequence[int] = ()
    numbers: Array | None = None

    def name(self, column: int) -> str:
        """A column as it is called, or its number."""
        return self.header[column] if self.header and self.header[column] else str(column)


def read_csv(text: str, name: str, where: str, wanted: Wanted) -> Read:
    """The table of a file called `name`; `where` is what names it, for messages."""
    body = body_of(text, wanted.skip_rows, wanted.separator, name, where)
    if (width := body.text.partition("\n")[0].count(body.separator) + 1) > MAX_COLUMNS:
        raise UserError(where, f"'{name}' has {width:,} columns", f"at most {MAX_COLUMNS:,}")
    quick = None if wanted.decimal == "," else _quickly(body)
    taking = _Taking(quick or _row_by_row(body, name, where, wanted.decimal), name, where, wanted)
    if body.comments:
        lines = f"{body.comments} lines begin" if body.comments > 1 else "a line begins"
        taking.notes.append(f"{lines} with {COMMENT}: left out as comment{'s' if body.comments > 1 else ''}")
    return taking.read()


# ------------------------------------------------------------------------------------------------------------- rows
def _cells(lines: Iterable[str], separator: str) -> Any:
    """A reader of rows; many spaces are as one."""
    return csv.reader(lines, delimiter=separator, skipinitialspace=separator == " ", strict=True)


def _quickly(body: Body) -> _Rows | None:
    """A plain table of finite numbers, read by NumPy in C; None where there is anything to say of it."""
    first, _, rest = body.text.partition("\n")
    try:
        cells = [cell.strip() for cell in next(_cells([first], body.separator), [])]
        named = not any(_is_number(cell) for cell in cells)
        lines = io.StringIO(rest if named else body.text)
        if not lines.getvalue().strip():
            return None
        delimiter = None if body.separator == " " else body.separator
        table = np.loadtxt(lines, delimiter=delimiter, comments=None, ndmin=2, quotechar='"')
    except (ValueError, csv.Error):
        return None
    if table.shape[1] != len(cells) or not np.isfinite(table).all():
        return None
    return _Rows(cells if named else [], len(cells), numbers=table)


def _row_by_row(body: Body, name: str, where: str, decimal: str) -> _Rows:
    """The cells of each row; a UserError with the line that is wrong."""
    reader = _cells(io.StringIO(body.text), body.separator)
    cells: list[list[str]] = []
    lines: list[int] = []
    begin = 1
    try:
        for row in reader:
            line, begin = begin + body.skipped, reader.line_num + 1
            found = [with_point(cell.strip()) if decimal == "," else cell.strip() for cell in row]
            if not any(found):
                continue
            if cells and len(found) != len(cells[0]):
                told = f"{len(found)} columns"
                raise UserError(f"{where}: {name} line {line}", told, f"{len(cells[0])} as in the rows above")
            cells.append(found)
            lines.append(line)
            if len(cells) * len(found) > MAX_ELEMENTS:
                raise UserError(where, f"'{name}' has more than {MAX_ELEMENTS:,} numbers")
    except csv.Error as problem:
        raise UserError(where, f"'{name}' is not a CSV file: {problem}") from None
    named = bool(cells) and _is_header(cells[0], cells[1:])
    if len(cells) == named:
        raise UserError(where, f"'{name}' has no rows of numbers")
    return _Rows(cells[0] if named else [], len(cells[0]), cells[named:], lines[named:])


def _is_header(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Does the first row name the columns: is none of it a number, or a word where numbers follow?"""
    if not any(_is_number(cell) for cell in first):
        return True
    below = others[0] if others else ()
    return any(
        _is_number(number) and not _is_number(word) and word.lower() not in MISSING
        for word, number in zip(first, below, strict=False)
    )


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


# ----------------------------------------------------------------------------------------------------------- taking
class _Taking:
    """Takes inputs and targets out of rows."""

    def __init__(self, rows: _Rows, name: str, where: str, wanted: Wanted) -> None:
        self.rows, self.name, self.where, self.wanted = rows, name, where, wanted
        self.notes: list[str] = []
        self.named: tuple[str, ...] = ()

    def read(self) -> Read:
        """Inputs, targets, notes."""
        rows, wanted = self.rows, self.wanted
        targets = self.targets()
        inputs = self.inputs(targets)
        kept = self.kept([*inputs, *targets])
        by_name = wanted.classes is not None or (wanted.labels and self.has_words(targets, kept))
        made = self.classes(targets, kept) if by_name else self.numbers(targets, kept, CLASSES)
        if wanted.labels and not by_name:
            self.whole(targets, made)
        if wanted.labels and not by_name and made.size and made.min() == 1:
            self.notes.append(f"the smallest class is 1, and they count from 0: {CLASSES.replace('names', 'those')}")
        read = self.numbers(inputs, kept), made
        if rows.header or wanted.inputs is not None or wanted.skip:
            told = [f"{_listed(map(rows.name, each))}" for each in (inputs, targets)]
            self.notes.insert(0, f"{self.name}: inputs {told[0]}; targets {told[1]}")
        return Read(*read, tuple(self.notes), classes=self.named)

    def whole(self, targets: Sequence[int], made: Array) -> None:
        """UserError where classes are no whole numbers: another column has them, perhaps."""
        odd = np.argwhere(made != np.floor(made))
        if not len(odd):
            return
        found, column = significant(float(made[tuple(odd[0])])), self.rows.name(targets[odd[0][1]])
        others = (n for n in range(self.rows.width) if n not in targets and self.may_be_classes(n))
        other = next(others, None) if isinstance(self.wanted.targets, int) else None
        right = "" if other is None else f"target_columns = [{_quoted(self.rows.name(other))}]"
        told = f"classes in column '{column}': {found} is no whole number"
        raise UserError(self.where, told, right or "target_columns names the column of the classes")

    def may_be_classes(self, column: int) -> bool:
        """Are all of a column words, or whole numbers of which some stand twice?"""
        rows = self.rows
        cells = rows.numbers[:, column] if rows.numbers is not None else [row[column] for row in rows.cells]
        if not any(map(_is_number, cells)):
            return True
        return all(_is_number(cell) and float(cell).is_integer() for cell in cells) and len({*cells}) < len(cells)

    def targets(self) -> list[int]:
        """Which columns are the targets."""
        wanted, width = self.wanted.targets, self.rows.width
        if isinstance(wanted, int):
            last = [n for n in range(width) if n not in self.columns(self.wanted.skip, "skip_columns")]
            return last[max(len(last) - wanted, 0) :]
        return self.columns(wanted, "target_columns")

    def inputs(self, targets: Sequence[int]) -> list[int]:
        """Which columns are the inputs."""
        skip = self.columns(self.wanted.skip, "skip_columns")
        if both := [n for n in skip if n in targets]:
            told = f"column '{self.rows.name(both[0])}' is a target"
            raise UserError(f"{self.where}: skip_columns", told, "leave one of the two out")
        if self.wanted.inputs is not None:
            found = self.columns(self.wanted.inputs, "input_columns")
            if both := [n for n in found if n in targets or n in skip]:
                told = f"column '{self.rows.name(both[0])}' is a target or left out"
                raise UserError(f"{self.where}: input_columns", told, "leave one of the two out")
            return found
        found = [n for n in range(self.rows.width) if n not in targets and n not in skip]
        if len(found) > 1 and found[0] == 0 and self.counts_rows():
            self.notes.append("the first column only counts the rows: it is left out (input_columns takes it)")
            found = found[1:]
        if not found:
            told = f"all {self.rows.width} columns of '{self.name}' are targets"
            raise UserError(self.where, told + (" or left out" if skip else ""), "at least one input column")
        return found

    def columns(self, wanted: Iterable[Column], key: str) -> list[int]:
        """The numbers of columns that are named, or numbered."""
        header, width = self.rows.header, self.rows.width
        place = {name: number for number, name in reversed([*enumerate(header)])}
        found = []
        for column in wanted:
            if isinstance(column, int):
                if not -width <= column < width:
                    raise UserError(f"{self.where}: {key}", f"there is no column {column}", f"0 to {width - 1}")
                found.append(column % width)
            elif column not in place:
                known = _listed(header) if header else f"the file has no header: 0 to {width - 1}"
                told = f"there is no column '{column}'"
                raise UserError(f"{self.where}: {key}", told, did_you_mean(column, header, known))
            else:
                found.append(place[column])
        return list(dict.fromkeys(found))

    def counts_rows(self) -> bool:
        """Is the first column an index: without a name of its own, and 0, 1, 2 … or 1, 2, 3 …?"""
        rows = self.rows
        if not rows.header or rows.header[0].lower() not in UNNAMED:
            return False
        if rows.numbers is not None:
            cells = rows.numbers[:, 0]
        elif all(_is_number(row[0]) for row in rows.cells):
            cells = np.array([float(row[0]) for row in rows.cells])
        else:
            return False
        return bool(cells[0] in (0, 1) and (np.diff(cells) == 1).all())

    def kept(self, columns: Sequence[int]) -> list[int]:
        """The rows in which nothing is missing."""
        rows = self.rows
        if rows.numbers is not None:
            return list(range(len(rows.numbers)))
        lost = [n for n, row in enumerate(rows.cells) if any(row[k].lower() in MISSING for k in columns)]
        if lost and self.wanted.missing == "refuse":
            row = rows.cells[lost[0]]
            column = next(k for k in columns if row[k].lower() in MISSING)
            told = f"'{row[column]}' in column '{rows.name(column)}' is no value"
            right = f'missing = "skip" leaves {len(lost)} such row{"s" if len(lost) > 1 else ""} out'
            raise UserError(f"{self.where}: {self.name} line {rows.lines[lost[0]]}", told, right)
        if len(lost) == len(rows.cells):
            raise UserError(self.where, f"'{self.name}' has no row in which nothing is missing")
        if lost:
            told = _listed(str(rows.lines[n]) for n in lost)
            many = "s" if len(lost) > 1 else ""
            said = f"row{many} with a missing value {'are' if many else 'is'} left out: line{many}"
            self.notes.append(f"{len(lost)} {said} {told}")
        gone = set(lost)
        return [n for n in range(len(rows.cells)) if n not in gone]

    def has_words(self, columns: Sequence[int], kept: Sequence[int]) -> bool:
        """Is anything in these columns no number?"""
        cells = self.rows.cells
        return self.rows.numbers is None and any(not _is_number(cells[n][k]) for n in kept for k in columns)

    def numbers(self, columns: Sequence[int], kept: Sequence[int], right: str = "") -> Array:
        """The numbers of some columns, (rows, columns); `right` is what could be done where one is none."""
        rows = self.rows
        if rows.numbers is not None:
            return rows.numbers[:, columns]
        found = np.empty((len(kept), len(columns)))
        for k, column in enumerate(columns):
            cells = [rows.cells[row][column] for row in kept]
            try:
                found[:, k] = [float(cell) for cell in cells]
            except ValueError:
                bad = next(n for n, cell in enumerate(cells) if not _is_number(cell))
                skip = f"skip_columns = [{_quoted(rows.name(column))}] leaves its column out"
                if DECIMAL.fullmatch(cells[bad]):
                    right = 'decimal = "," reads it'
                line = f"{self.where}: {self.name} line {rows.lines[kept[bad]]}"
                raise UserError(line, f"'{cells[bad][:30]}' is not a number", right or skip) from None
        return found

    def classes(self, columns: Sequence[int], kept: Sequence[int]) -> Array:
        """The class numbers of one column, (rows, 1)."""
        rows, given = self.rows, self.wanted.classes
        if len(columns) != 1:
            raise UserError(
                f"{self.where}: classes", f"there are {len(columns)} target columns", "one column of classes"
            )
        (column,) = columns
        cells = (
            [plain(row[column]) for row in (rows.cells[n] for n in kept)]
            if rows.numbers is None
            else [significant(float(x), 15) for x in rows.numbers[:, column]]
        )
        sort = given is None or given == "sorted"
        known = sorted(set(cells), key=_order) if sort else [plain(name) for name in given or ()]
        if len(known) > MAX_CLASSES:
            raise UserError(f"{self.where}: classes", f"{len(known):,} different ones", f"at most {MAX_CLASSES:,}")
        number = {name: n for n, name in enumerate(known)}
        for n, cell in enumerate(cells):
            if cell not in number:
                line = f" line {rows.lines[kept[n]]}" if rows.lines else ""
                told = f"'{cell[:30]}' is none of the classes"
                raise UserError(f"{self.where}: {self.name}{line}", told, did_you_mean(cell, known, _listed(known)))
        self.named = tuple(one_line(name, 40) for name in known)
        self.notes.append("classes: " + _listed(f"{n} = {name}" for name, n in number.items()))
        return np.array([[float(number[cell])] for cell in cells])


def plain(cell: Any) -> str:
    """A class as it is compared: `1`, `1.0` and 1 are the same."""
    return significant(float(cell), 15) if _is_number(cell) else str(cell)


def _order(name: str) -> tuple[bool, float, str]:
    """Numbers by their size, before words by their letters."""
    return (False, float(name), "") if _is_number(name) else (True, 0.0, name)


def _listed(names: Iterable[str]) -> str:
    return few([one_line(name, 40) for name in names], TOLD)


def _quoted(name: str) -> str:
    return name if name.isdigit() else f'"{name}"'
