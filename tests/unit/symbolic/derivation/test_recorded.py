"""A step that was recorded elsewhere, with numbers that are absent and operations that nobody knows: on paper, too."""

from __future__ import annotations

import pytest

from bptui.model.debugger.session import Session
from bptui.screens.export import SIZE, Asked, unseen, written
from bptui.screens.theme import THEMES
from tests.screens.test_recorded_shown import opened
from tests.unit.symbolic.derivation.test_written import sound


@pytest.mark.parametrize("absent", [0.2, 0.8])
@pytest.mark.parametrize("opaque", [(), ("layer1.a",)])
def test_what_is_there_is_written(absent, opaque, tmp_path):
    session = Session(opened("xor", tmp_path, absent=absent, opaque=opaque)())
    surface = unseen(session, SIZE, THEMES["dark"])
    for wanted in (
        Asked("step"),
        Asked("moment"),
        Asked("number", "grad(layer1.weight[1,3])"),
        Asked("number", "loss"),
    ):
        for form in (".md", ".tex", ".svg"):
            made = written(session, wanted, form, surface)
            if form == ".tex":
                sound(made)
            assert made.endswith("\n")
    assert absent < 0.5 or "recorded" in written(session, Asked("step"), ".md", surface)
