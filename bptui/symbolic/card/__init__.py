"""What is said of one Moment and one element: definition, rule, numbers. No SymPy in here: rules arrive as trees."""

from bptui.symbolic.card.form import Form
from bptui.symbolic.card.moment import card, card_for, card_of, opening, subject

__all__ = ["Form", "card", "card_for", "card_of", "opening", "subject"]
