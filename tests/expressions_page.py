"""docs/expressions.md: `python -m tests.expressions_page > docs/expressions.md`."""

from __future__ import annotations

from collections.abc import Mapping

from bptui.model.debugger.expressions.functions import FORMS, FUNCTIONS, NAMES

HEAD = """\
# Expressions

What `print`, `display`, `watch`, `last` and the conditions of `break … if …` take. Made from the tables in
`debugger/expressions/functions.py` by `python -m tests.expressions_page > docs/expressions.md`; a test compares.

    print layer1.weight.grad - [[0.1, 0.2], [0.3, 0.4]]
    print argmax(abs(grad(layer1.weight)))
    display norm(layer2.weight.grad)
    break relu* if max(abs(grad)) > 10 and step > 100
    watch sum(layer1.a > 0, axis=0)

An expression is read and never executed. It is arithmetic in float64 over numbers of the step; a number that no moment
up to here has computed gives `·`. A condition of many numbers holds where one of them does.
"""


def page() -> str:
    """The page, from the tables of names, forms and functions."""
    functions = {f"{name}({'x, axis=N' if row.axis else 'x'})": row.about for name, row in FUNCTIONS.items()}
    parts = [("Names", NAMES), ("Forms", FORMS), ("Functions", functions)]
    return (
        HEAD
        + "".join(_table(title, rows) for title, rows in parts)
        + "`axis=N` may be left out: then it goes over all.\n"
    )


def _table(title: str, rows: Mapping[str, str]) -> str:
    lines = "\n".join(f"| `{name}` | {about} |" for name, about in rows.items())
    return f"\n## {title}\n\n| write | it is |\n|---|---|\n{lines}\n\n"


if __name__ == "__main__":
    print(page(), end="")
