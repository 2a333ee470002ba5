"""Expressions over what is visible at a Moment: their grammar, their functions, their values."""
