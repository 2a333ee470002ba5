"""`bptui learn N --worksheet`: the questions of a lesson on paper, with blanks or with the answers.

What the network is given stands before its first question; later only what is another. A page that points at what
stands beside it has those numbers, too, without the ones that are asked.

With a seed the networks have other numbers (`bptui.teach.variation`), and all is computed again. A question whose text
would not hold then is left out: choices, and what has decimal numbers typed in it that are none of the network's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bptui.model.base import numbers
from bptui.model.base.arithmetic import gives
from bptui.model.base.numbers import significant
from bptui.model.base.spans import Line, Span, plain
from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.teach.course import Course
from bptui.teach.export import blocks, marked
from bptui.teach.formulas import Target
from bptui.teach.lesson import Code, Items, Lesson, Prose

BLANK = "\\_" * 12
MOST = 40
"""Numbers of a tensor that are printed."""
FEW = 60
"""Parameters of a network whose numbers are printed; of a larger one their shapes are."""
DRAWN = frozenset({"chain", "rate", "race"})
"""Stages that draw a formula: on paper it is given."""
DIGITS = 7
"""Characters of a number that is printed whole; a longer one is rounded."""
ROUNDED = "Long numbers are rounded to four digits: the last digit of what is computed with them may differ."
SMALL = 0.01
_FOUR = re.compile(r"\d\.\d{4}")
_POINTS = re.compile(r"\b(at the left|the left shows|look at)\b", re.IGNORECASE)
_DECIMAL = re.compile(r"(?<![\w.])-?\d+\.\d+")


def worksheet(lesson: Lesson, answers: bool = False, seed: int | None = None) -> str:
    """Markdown: what is given, then each question with its page's text."""
    course = Course(lesson, seed=seed)
    parts = [f"# {lesson.front.title}: work sheet{'' if seed is None else f' {seed}'}"]
    parts.append("**Answers**" if answers else f"Name: {BLANK}{BLANK}")
    asked, left = 0, 0
    given: dict[str, str] = {}
    told: list[Target] = []  # what was asked already: what the next pages say of it, the pupil fills in
    for number, page in enumerate(lesson.pages):
        course.turn(number)
        if page.question is None:
            continue
        if course.asking is None:
            parts += [f"*{told}*" for told in course.failed if f"*{told}*" not in parts]
            continue
        if seed is not None and not _holds(course):
            left += 1
            continue
        asked += 1
        if _computes(course) and (now := _given(course)) != given:
            parts += _listed(now, given)
            given, told = now, []
        say = partial(_blanked, course, tuple(told))
        parts += [f"## {asked}. {page.title}", *blocks(say, page.opens), *_beside(course, told)]
        parts += _question(course, answers, say)
        if course.asks is not None and not answers:
            told.append(course.asks)
    if any(_FOUR.search(each) for each in parts if each.startswith(("Given:", "Now:"))):
        parts.insert(2, ROUNDED)
    if left:
        parts.append(
            "*1 question of the lesson holds for its own numbers only and is left out.*"
            if left == 1
            else f"*{left} questions of the lesson hold for its own numbers only and are left out.*"
        )
    return "\n\n".join(parts)


def _question(course: Course, answers: bool, say: Callable[[Prose], Line]) -> Iterator[str]:
    question = course.question
    assert question is not None
    yield f"**{plain(say(question.prose))}**"
    if question.is_choice:
        marks = ["x" if each.right and answers else " " for each in question.options]
        texts = [marked(say(each.prose)) for each in question.options]
        yield "\n".join(f"- [{mark}] {text}" for mark, text in zip(marks, texts, strict=True))
    else:
        yield f"{plain(course.label)} = {f'**{plain(course.right)}**' if answers else BLANK}"


def _blanked(course: Course, told: tuple[Target, ...], prose: Prose) -> Line:
    """Prose with room to write in the place of what is hidden."""
    text = course.text(prose, also=told)
    return tuple(Span(BLANK) if "reverse" in span.style else span for span in text)


def _listed(now: dict[str, str], before: dict[str, str]) -> Iterator[str]:
    """What is given; of the network that was given before, only what is another now."""
    again = list(now) == list(before)
    rows = [f"- {name}{said}" for name, said in now.items() if not again or said != before[name]]
    yield "\n".join(["Now:" if again else "Given:", "", *rows])


def _given(course: Course) -> dict[str, str]:
    """What it takes to compute on paper, by name: the operations, inputs, targets, parameters, the learning rate."""
    assert course.session is not None
    assert course.asking is not None
    session = course.session
    document, graph = session.network.document, session.graph
    formula = None if document is None else document.content.get("formula")
    rows = {layer.name: f": {layer.summary}" for layer in graph.layers}
    if isinstance(formula, str):
        rows = {f"`{row.strip()}`": "" for row in re.split(r"[\n;]", formula) if row.strip()}
    for node in graph.nodes:
        if node.op is None and node.role != "const":
            large = node.role in ("param", "state") and _is_large(course)
            rows[f"`{node.name}`"] = _numbers(None if large else course.asking.state.value(node), node)
    if graph.params:
        rows["learning rate"] = f": {significant(session.network.optimizer.learning_rate)}"
    return rows


def _is_large(course: Course) -> bool:
    assert course.session is not None
    return sum(math.prod(node.shape) for node in course.session.graph.params) > FEW


def _numbers(value: Array | None, node: Node) -> str:
    """` = ` and the numbers of a tensor; its shape, where they are many."""
    if value is None or value.size > MOST:
        return f" {numbers.shape(node.shape)}"
    texts = [_number(x) for x in value.ravel()]
    return f" = {_nested(texts, value.shape)}"


def _number(x: Any) -> str:
    """Whole where it is short, else rounded to four digits behind the point, or four that count."""
    if numbers.concealed(x):
        return BLANK
    whole = numbers.exact(x)
    if len(whole.lstrip("-")) <= DIGITS:
        return whole
    return f"{x:.4f}" if abs(x) >= SMALL else significant(x, 4)


def _nested(texts: list[str], shape: tuple[int, ...]) -> str:
    """As a list of lists."""
    if not shape:
        return texts[0]
    size = math.prod(shape[1:])
    rows = (_nested(texts[n * size : (n + 1) * size], shape[1:]) for n in range(shape[0]))
    return f"[{', '.join(rows)}]"


def _computes(course: Course) -> bool:
    """Does the page work with the network's numbers, or point at them, or at what is drawn of them?"""
    question = course.question
    assert question is not None
    return not question.is_choice or not DRAWN.isdisjoint(course.stage) or _points(course) or any(
        piece.kind == "number" for prose in _prose(course) for piece in prose
    )  # fmt: skip


def _points(course: Course) -> bool:
    return any(_POINTS.search(piece.text) for prose in _prose(course) for piece in prose)


def _beside(course: Course, told: list[Target]) -> Iterator[str]:
    """What a page points at: of the nodes that it or its options name, and of that of its moment, what is computed, but
    for what is or was asked; beside predictions no gradients."""
    session = course.session
    if session is None or not _points(course) or _is_large(course):
        return
    session.view.hidden = frozenset().union(*(each.hides for each in (*course.hidden, *told)))
    options = [] if course.question is None else [each.prose for each in course.question.options]
    pieces = (piece for prose in (*_prose(course), *options) for piece in prose)
    named = {piece.text.partition("[")[0] for piece in pieces if piece.kind == "symbol"}
    rows: list[str] = []
    for node in session.graph.nodes:
        if node.name not in named and node is not session.node:
            continue
        value = None if node.op is None else session.state.value(node)
        gradient = None if "predictions" in course.stage else session.state.gradient(node).array
        for name, array in ((node.name, value), (f"∂L/∂{node.name}", gradient)):
            if array is not None and array.size <= MOST and (said := _numbers(array, node)) != f" = {BLANK}":
                rows.append(f"- `{name}`{said}")
    if rows:
        yield "\n".join(["On the screen:", "", *rows])


def _prose(course: Course) -> Iterator[Prose]:
    """All text of a page up to its question."""
    for block in course.page.opens:
        yield from () if isinstance(block, Code) else block.items if isinstance(block, Items) else (block.prose,)
    if course.question is not None:
        yield course.question.prose


def _holds(course: Course) -> bool:
    """Is the question one of numbers, and are those in its text and its hints the network's?"""
    question, asking = course.question, course.asking
    assert question is not None
    assert asking is not None
    if question.is_choice:
        return False
    known = [number for _, number in asking.all_numbers()]
    return all(_is_known(found, known) for prose in (*_prose(course), *question.hints) for found in _typed(prose))


def _typed(prose: Prose) -> Iterator[str]:
    for piece in prose:
        if piece.kind == "text":
            yield from _DECIMAL.findall(piece.text)


def _is_known(found: str, known: list[float]) -> bool:
    return any(gives(number, found) for number in known)
