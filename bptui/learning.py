"""What `bptui learn` does without a screen: the list of lessons, a lesson checked, exported, as a work sheet."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bptui.model.base.errors import UserError
from bptui.teach import catalogue
from bptui.teach.lesson import Front, Lesson
from bptui.teach.progress import Reached, progress

Write = Callable[[str], None]


def listed(write: Write) -> int:
    """The lessons, and how far one has come in each."""
    known = progress()
    rows = [
        (str(front.number), front.title, how_far(front, known.of(front.key)), front.about)
        for front in catalogue.lessons()
    ]
    title, far = (max(len(row[n]) for row in rows) for n in (1, 2))
    for row in rows:
        write(f"  {row[0]:>2}  {row[1]:<{title}}  {row[2]:>{far}}  {row[3]}".rstrip())
    if known.told:
        print(f"bptui: {known.told}", file=sys.stderr)
    return 0


def how_far(front: Front, reached: Reached | None) -> str:
    """`17 pages`, `10/17`, `done`."""
    if reached is None:
        return f"{front.pages} pages"
    return "done" if reached.done else f"{min(reached.page, front.pages)}/{front.pages}"


def printed(target: str, what: str, answers: bool, seed: int | None, write: Write) -> int:
    """A lesson checked (1 where something is wrong), exported, or as a work sheet."""
    from bptui.teach.reading import LessonErrors

    try:
        lesson = opened(catalogue.find(target))
    except LessonErrors as found:
        return told(found.errors, write)
    if what == "check":
        from bptui.teach.check import check

        wrong = check(lesson)
        if not wrong:
            write(f"{lesson.front.path.name}: {len(lesson.pages)} page{'s'[: len(lesson.pages) != 1]}, nothing wrong")
        return told(wrong, write)
    if what == "export":
        from bptui.teach.export import markdown

        write(markdown(lesson))
    else:
        from bptui.teach.worksheet import worksheet

        write(worksheet(lesson, answers, seed))
    return 0


def opened(front: Front) -> Lesson:
    """The whole lesson. LessonErrors for all that is wrong in it."""
    from bptui.teach.names import opened as read

    return read(front.path, front.key)


def told(wrong: tuple[UserError, ...] | list[UserError], write: Write) -> int:
    """A line for each; 1 where there is one."""
    for error in wrong:
        write(str(error))
    return 1 if wrong else 0
