"""Somebody else's numbers and rules held against a training step: equal, or where, by how much, and why."""

from bptui.symbolic.against.report import Against, against, as_json, lines

__all__ = ["Against", "against", "as_json", "lines"]
