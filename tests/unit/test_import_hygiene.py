"""What an import pulls in. Static graphs cannot see deferred imports, so a fresh interpreter is asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import grimp
import pytest

HEAVY = {"numpy", "sympy", "mpmath", "textual", "rich", "torch"}


def loaded_by(statements: Sequence[str]) -> list[set[str]]:
    """The heavy packages in `sys.modules` of a fresh interpreter, after each of the statements that it runs."""
    said = "import sys\nprint(*{name.partition('.')[0] for name in sys.modules})"
    code = "\n".join(f"{statement}\n{said}" for statement in statements)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [HEAVY & set(line.split()) for line in done.stdout.splitlines()]


NOTHING: set[str] = set()
NUMBERS = {"numpy"}
SCREEN = {"textual", "rich"}
MODEL = (
    ("import bptui", NOTHING),
    ("import bptui.cli", NOTHING),
    ("import bptui.model.debugger.commands.registry, bptui.model.debugger.commands.help", NOTHING),
    ("import bptui.model.base.errors, bptui.model.base.spans", NOTHING),
    ("from bptui.teach import catalogue, progress; catalogue.lessons(); progress.progress()", NOTHING),
    ("import bptui.teach.course, bptui.teach.slips, bptui.teach.check, bptui.teach.worksheet", NUMBERS),
    ("import bptui.teach.play.course, bptui.teach.play.settings", NUMBERS),
    ("import bptui.model.source.network, bptui.model.debugger.session, bptui.model.engine.program", NUMBERS),
    ("import bptui.symbolic.service, bptui.symbolic.types", NUMBERS),
    ("import bptui.symbolic.check, bptui.symbolic.card", NUMBERS | {"sympy", "mpmath"}),
)
SCREENS = (("import bptui.app", SCREEN), ("import bptui.screens.play.opening, bptui.screens.stage", SCREEN))


@pytest.mark.parametrize("wanted", [MODEL, SCREENS], ids=["model", "screens"])
def test_an_import_pulls_in_only_what_it_needs(wanted: Sequence[tuple[str, set[str]]]) -> None:
    """In one interpreter: each is allowed what those before it are, so that what is too much is new with it."""
    loaded = loaded_by([statement for statement, _ in wanted])
    for (statement, allowed), found in zip(wanted, loaded, strict=True):
        assert found <= allowed, statement


def test_no_module_imports_itself_by_way_of_others():
    """Neither at import nor in a function, nor for types alone."""
    house = grimp.build_graph("bptui", cache_dir=None)
    imports = {module: house.find_modules_directly_imported_by(module) for module in house.modules}
    rest = dict(imports)
    while ready := [module for module, needed in rest.items() if not needed & rest.keys()]:
        for module in ready:
            del rest[module]
    circle = {module: sorted(needed & rest.keys()) for module, needed in rest.items()}
    assert not circle
