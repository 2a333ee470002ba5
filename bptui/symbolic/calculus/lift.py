"""Elementwise definitions with their indices written out: `y = a + b` → `y[i,j] = a[i,j] + b[j]`.

Broadcasting is NumPy's rule: an input's axes stand under the last ones of the output. (A stretched axis keeps its
letter here; its index becomes 0 where the definition is built.)
"""

from __future__ import annotations

from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.parse import Names

_LETTERS = "ijklmnuvw"


def lift(statements: tuple[t.Statement, ...], names: Names, rank: int) -> tuple[t.Statement, ...]:
    """The statements for an output of `rank` axes; those of an operation that is not elementwise stay as they are."""
    if not names.elementwise or isinstance(statements[-1].target, t.Element):
        return statements
    letters = tuple(t.Name(letter) for letter in letters_for(names, statements, rank))
    lifted: set[str] = set()
    done = []
    for statement in statements:
        value = lift_tree(statement.value, names, letters, lifted)
        target = statement.target
        if isinstance(target, t.Name) and letters and (statement is statements[-1] or value is not statement.value):
            lifted.add(target.name)
            target = t.Element(target.name, letters)
        done.append(t.Statement(target, value))
    return tuple(done)


def lift_tree(tree: t.Tree, names: Names, letters: tuple[t.Name, ...], lifted: set[str]) -> t.Tree:
    """One formula with indices at its tensors and at the names of `lifted`. The same object where there are none."""

    def change(part: t.Tree) -> t.Tree | None:
        if isinstance(part, t.Name):
            if part.name in lifted and letters:
                return t.Element(part.name, letters)
            rank = names.tensors.get(part.name, 0)
            if rank:
                return t.Element(part.name, letters[len(letters) - rank :])
        return None

    return t.rebuild(tree, change)


def letters_for(names: Names, statements: tuple[t.Statement, ...], rank: int) -> list[str]:
    """Index letters that nothing in the text is called: i, j, k, …; i1, i2, … for the very deep."""
    taken = set(names.tensors) | set(names.parameters)
    taken |= {part.name for s in statements for part in t.walk((s.target, s.value)) if isinstance(part, t.Name)}
    free = [letter for letter in _LETTERS if letter not in taken]
    return free[:rank] if rank <= len(free) else [f"i{axis}" for axis in range(rank)]
