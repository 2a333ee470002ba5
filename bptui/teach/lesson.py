"""A lesson as it was read: pages of blocks, each with at most one question. Plain data, without NumPy.

`bptui.teach.reading` makes these from a Markdown file, `bptui.teach.course` walks them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from bptui.model.base.printable import printable

Written = Literal["text", "symbol", "number"]


class Piece(NamedTuple):
    """A run of prose.

    kind      text as it stands; a symbol (`layer1.a`, `a[0]`, `∂L/∂z`); a number, of which `text` is the expression
    weight    "" · "stress" (*…*) · "term" (**…**)
    decimals  of a number (`= EXPR to N`), None for the usual ones
    """

    text: str
    kind: Written = "text"
    weight: Literal["", "stress", "term"] = ""
    decimals: int | None = None


Prose = tuple[Piece, ...]
"""A paragraph, an item, a question, a reason or a hint: it has no lines yet."""


@dataclass(frozen=True)
class Paragraph:
    """Running text. `line` is where it stands in the file."""

    prose: Prose
    line: int


@dataclass(frozen=True)
class Items:
    """A list: `- ` before each."""

    items: tuple[Prose, ...]
    line: int


@dataclass(frozen=True)
class Code:
    """Text in a fence, shown line by line as it is."""

    lines: tuple[str, ...]
    line: int


Block = Paragraph | Items | Code


@dataclass(frozen=True)
class Directive:
    """`::word argument`, from line `line` of the file."""

    word: str
    argument: str
    line: int

    @property
    def text(self) -> str:
        """As it stands in the file, without the `::`: a line of the registry, where the word is a command's."""
        return f"{self.word} {self.argument}".rstrip()

    @property
    def written(self) -> str:
        """`::goto layer9`, as messages about it begin."""
        return f"::{self.text}"


@dataclass(frozen=True)
class Own:
    """A wrong answer that the lesson names: `- = EXPR : reason`."""

    expression: str
    reason: Prose
    line: int


@dataclass(frozen=True)
class Option:
    """An answer of a choice; a wrong one has its reason."""

    prose: Prose
    right: bool
    reason: Prose
    line: int


@dataclass(frozen=True)
class Question:
    """What a page asks.

    expression  of a number question what is asked, "" for a choice
    own         wrong answers that the lesson names, in its order · options  of a choice · hints  one after the other
    """

    expression: str
    prose: Prose
    line: int
    own: tuple[Own, ...] = ()
    options: tuple[Option, ...] = ()
    hints: tuple[Prose, ...] = ()

    @property
    def is_choice(self) -> bool:
        """Is one of some answers to be chosen? Else a number is to be found."""
        return not self.expression


@dataclass(frozen=True)
class Page:
    """One page.

    key     its title as a word, unlike all others of the lesson: under it answers are kept
    opens   what is shown before the answer (all, where nothing is asked) · explains  what comes after it
    before  the directives that run when it opens · after  when its question is answered
    notes   for the teacher
    """

    title: str
    key: str
    line: int
    opens: tuple[Block, ...] = ()
    question: Question | None = None
    explains: tuple[Block, ...] = ()
    before: tuple[Directive, ...] = ()
    after: tuple[Directive, ...] = ()
    notes: tuple[Prose, ...] = ()

    @property
    def directives(self) -> tuple[Directive, ...]:
        """All of them, in their order."""
        return (*self.before, *self.after)


@dataclass(frozen=True)
class Front:
    """What is known of a lesson before it is opened.

    number  its place among the lessons, 0 for a file of one's own that says none · after  lessons that it builds on
    rows    what it covers · pages  how many there are · path  its file
    key     under which progress is kept
    """

    title: str
    path: Path
    number: int = 0
    about: str = ""
    minutes: int = 0
    after: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    pages: int = 0
    key: str = ""


@dataclass(frozen=True)
class Lesson:
    """A whole lesson; `front.pages` is `len(pages)`."""

    front: Front
    pages: tuple[Page, ...] = field(default=())

    @property
    def name(self) -> str:
        """`lesson 4`, or the name of its file."""
        return f"lesson {self.front.number}" if self.front.number else printable(self.front.path.name)
