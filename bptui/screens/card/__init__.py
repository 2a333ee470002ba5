"""A card as cells: facts (`bptui.symbolic.facts`) in a width and a height, on as many pages as they take."""

from bptui.screens.card.fit import draw, sheet

__all__ = ["draw", "sheet"]
