"""What an import pulls in. Static graphs cannot see deferred imports, so a fresh interpreter is asked."""

from __future__ import annotations

import subprocess
import sys

import grimp
import pytest

HEAVY = {"numpy", "sympy", "mpmath", "textual", "rich", "torch"}


def loaded_by(statement: str) -> set[str]:
    """The heavy packages in `sys.modules` after `statement` ran in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return HEAVY & set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import bptui", set()),
        ("import bptui.cli", set()),
        ("import bptui.model.debugger.commands.registry, bptui.model.debugger.commands.help", set()),
        ("import bptui.model.base.errors, bptui.model.base.spans", set()),
        ("from bptui.teach import catalogue, progress; catalogue.lessons(); progress.progress()", set()),
        ("import bptui.teach.course, bptui.teach.slips, bptui.teach.check, bptui.teach.worksheet", {"numpy"}),
        ("import bptui.app", {"textual", "rich"}),
        ("import bptui.screens.play.opening, bptui.screens.stage", {"textual", "rich"}),
        ("import bptui.teach.play.course, bptui.teach.play.settings", {"numpy"}),
        ("import bptui.model.source.network, bptui.model.debugger.session, bptui.model.engine.program", {"numpy"}),
        ("import bptui.symbolic.service, bptui.symbolic.types", {"numpy"}),
        ("import bptui.symbolic.check, bptui.symbolic.card", {"numpy", "sympy", "mpmath"}),
    ],
)
def test_an_import_pulls_in_only_what_it_needs(statement: str, allowed: set[str]) -> None:
    assert loaded_by(statement) <= allowed


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
