"""A card in the room of a panel: its blocks from top to bottom, fitted, and on pages what has no room on the first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bptui.model.base.spans import Line
from bptui.screens.card import pages, parts, rows
from bptui.screens.card.block import Block, Worth, fitted, gap
from bptui.screens.render import clip
from bptui.symbolic.facts import Card

TALL = 10_000
"""Rows of a sheet of paper: more than any card has without the middle of its sums."""


def draw(card: Card, width: int, height: int, page: int = 0, key: str = pages.KEY) -> list[Line]:
    """The card in at most `height` rows of at most `width` cells; what has no room on its first page, on the others,
    after the last of which comes the first. `key` says what turns them."""
    if width < 1 or height < 1:
        return []
    turned = every(card, width, height, key)
    if not page:
        return next(turned)
    made = list(turned)
    return made[page % len(made)]


def every(card: Card, width: int, height: int, key: str = pages.KEY) -> Iterator[list[Line]]:
    """All pages of the card, one after the other."""
    made = blocks(card, width)
    return pages.every(lambda room: first(made, room), width, height, key)


def blocks(card: Card, width: int) -> list[Block]:
    """The parts of a card in the order in which they stand. The head is the first that is no gap."""
    at = rows.columns(width)
    inside = card.inside
    rules = [*rows.rules(card, at), *(parts.parts(card, inside, at) if inside else ())]
    numbers = rows.numbers(card, at)
    below = [*rows.checks(card, at), *rows.others(card, at)]
    numbers += parts.ends(inside, at, not numbers) if inside else []
    return [
        *([] if at.compact else [gap()]),
        rows.head(card, at),
        *([gap()] if rules else []),
        *rules,
        *([gap()] if numbers else []),
        *numbers,
        *([gap()] if below and not (at.compact and numbers) else []),
        *below,
    ]


def first(made: list[Block], height: int) -> pages.First:
    """What of the card tells most in so many rows."""
    shown = fitted(made, height)
    head = next(n for n, block in enumerate(made) if block.claims[0][0] == Worth.HEAD)
    lines = [row for each in shown for row in each.rows]
    names = made[head].full().rows
    return pages.First(lines[:height], shown[head].rows, names, list(zip(made, shown, strict=True)))


def sheet(card: Card, width: int) -> list[Line]:
    """The card on paper, which has room for all of it: of a long sum its ends, as everywhere."""
    short = card if card.table is None else replace(card, table=replace(card.table, longer=None))
    return [clip(row, width) for row in first(blocks(short, width), TALL).rows]
