"""What home lists: lessons with progress, the playground, the examples with their stories, what was opened last."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bptui.model.base.spans import Line, Span
from bptui.model.source.examples import catalogue
from bptui.recent import recent
from bptui.screens.home_list import EXAMPLES, LESSONS, PLAYGROUND, RECENT, Item, Picture
from bptui.teach.catalogue import lessons
from bptui.teach.lesson import Front
from bptui.teach.play import kept
from bptui.teach.progress import Reached, progress

PLAY = "choose data, layers, activation, rate; watch it learn; step into it"


def items() -> tuple[Sequence[Item], int]:
    """All of it, and where the cursor starts: at the lesson one is in, else at the first that is not done."""
    taught = _lessons()
    rows = [*taught, _playground()]
    for example in catalogue():
        source: Line = (Span("numbers: ", "dim"), Span(example.source))
        story = tuple((Span(text),) for text in example.story)
        more: tuple[Line, ...] = ((Span(example.about),), (), *story, (), source) if example.source else story
        rows.append(Item(EXAMPLES, example.name, example.name, example.about, more=more))
    now = time.time()
    for row in recent():
        right: Line = (Span(row.day(now), "dim"),)
        rows.append(Item(RECENT, row.opens, row.name, row.where, right=right, gone=row.gone))
    begun = next((n for n, item in enumerate(taught) if "/" in "".join(span.text for span in item.right)), None)
    left = next((n for n, item in enumerate(taught) if not item.done), 0)
    return rows, left if begun is None else begun


def _playground() -> Item:
    """What is played with: the last network again, where there is one."""
    found = kept.last()
    if found is None:
        return Item(PLAYGROUND, "play", "play", PLAY)
    where = f"at step {found.step:,}" if found.step else "from its first step"
    about = f"{found.title} again, {where}; o play begins another"
    return Item(PLAYGROUND, "play --again", "play", about, more=((Span(about),), (), (Span(PLAY),)))


def picture() -> Picture | None:
    """The map of the network that was played last, None for none. Imports NumPy: in a thread, after the first frame."""
    found = kept.last()
    if found is None:
        return None
    from bptui.screens.play.last import Map

    return Map(found).lines


def _lessons() -> list[Item]:
    """The lessons, with how far one has come in each."""
    kept = progress()
    out: list[Item] = []
    for front in lessons():
        reached = kept.of(front.key)
        done = reached is not None and reached.done
        right: Line = (Span(str(front.pages), "dim"),)
        if done:
            right = (Span("✓", "ok"), Span(" done", "dim"))
        elif reached is not None:
            right = (Span(str(reached.page), "text bold"), Span(f"/{front.pages}", "dim"))
        elif not out and not kept.last:
            right = (Span("start", "text bold"),)
        out.append(Item(
            LESSONS, f"learn {front.number}", front.title, front.about, str(front.number), right, done,
            more=_about(front, reached), title=front.title, side=f"{front.minutes} minutes" if front.minutes else "",
        ))  # fmt: skip
    return out


def _about(front: Front, reached: Reached | None) -> tuple[Line, ...]:
    """What is said of a lesson where there is room: what it is about, and where one is in it."""
    if reached is None:
        before = ", ".join(map(str, front.after))
        needs: tuple[Line, ...] = ((Span(f"after lesson {before}", "dim"),),) if before else ()
        return ((Span(front.about),), (), (Span(f"{front.pages} pages", "dim"),), *needs)
    dots: Line = (
        Span("●" * (reached.page - 1), "ok"),
        Span("◉", "text bold"),
        Span("○" * (front.pages - reached.page), "dim"),
    )
    if reached.done:
        dots = (Span("●" * front.pages, "ok"),)
    once = sum(how == "once" for how in reached.answers.values())
    counted = (Span(f"{once} of {len(reached.answers)} questions right at once", "dim"),)
    where = (Span("you are at page  ", "dim"), Span(str(reached.page), "text bold"))
    return ((Span(front.about),), (), where, dots, *((counted,) if reached.answers else ()))
