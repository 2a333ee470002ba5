"""`export` typed on the screen: what stands there, without the line that asks; derivations in the other thread."""

from __future__ import annotations

import os

from bptui.screens.theme import THEMES
from tests.pictures import text_of
from tests.screens.rig import debug


async def test_the_screen_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with debug("xor", 100, 30) as screen:
        await screen.run("goto backward layer1.a")
        await screen.derived()
        rows = [row.rstrip() for row in screen.rows]
        await screen.run("export screen s.svg")
        assert "the screen at backward 4/5 of training step 0 written to s.svg" in screen.text
        made = (tmp_path / "s.svg").read_text(encoding="utf-8")
        assert text_of(made) == rows
        assert f'viewBox="0 0 {100 * 9 + 24} {30 * 19 + 24}"' in made
        await screen.run("theme light")
        await screen.run("export screen l.svg")
        assert THEMES["light"].background in (tmp_path / "l.svg").read_text(encoding="utf-8")


async def test_a_number_a_moment_and_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with debug("xor", 80, 24) as screen:
        await screen.run("export grad(layer2.bias[0]) b.tex")
        assert "grad(layer2.bias[0]) of training step 0 written to b.tex" in screen.text
        await screen.run("export")
        assert os.listdir(tmp_path).count("xor-0-forward-1.md") == 1
        await screen.run("export moment b.tex")
        assert "b.tex is there already" in screen.text
        await screen.run("export moment b.doc")
        assert "'.doc' is not a form" in screen.text
        assert screen.session.cursor.index == 0
