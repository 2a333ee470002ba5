"""`export`: a derivation, a Moment, a step or the screen in a file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bptui import cli
from bptui.model.base import arithmetic, numbers
from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.debugger.session import Session
from bptui.model.source.examples import ORDER
from bptui.model.source.network import from_formula, load
from bptui.plain import Plain
from bptui.screens.export import SIZE, Asked, unseen, written
from bptui.screens.theme import THEMES
from bptui.symbolic.card import card_for
from bptui.symbolic.card import text as card_text
from bptui.symbolic.derivation import latex, markdown, moment
from bptui.symbolic.derivation.document import Document
from bptui.symbolic.formula import latex as formulas
from bptui.symbolic.formula.worked import sum_texts
from tests import derivations, export_page
from tests.paths import DOCS
from tests.pictures import text_of
from tests.unit.symbolic.calculator import Calculator


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def front():
    said: list[str] = []
    made = Plain(Session(load("xor")), said.append, said.append)
    made.said = said
    yield made
    made.service.close()


def test_without_a_word_it_is_this_moment_in_a_new_file_of_this_folder(folder, front):
    front.command("goto backward layer1.a")
    front.command("export")
    front.command("export")
    assert sorted(os.listdir(folder)) == ["xor-0-backward-4-2.md", "xor-0-backward-4.md"]
    assert front.said[-1] == "layer1.a, backward 4/5 of training step 0, written to xor-0-backward-4-2.md"
    assert "layer1.a = relu(layer1.z)" in (folder / "xor-0-backward-4.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["md", "tex", "svg"])
def test_a_moment_says_what_is_printed_of_it(folder, front, form):
    front.command("goto backward layer1.z")
    front.command(f"export moment.{form}")
    content = (folder / f"moment.{form}").read_text(encoding="utf-8")
    made = card_for(front.session, front.service)
    total = plain(card_text.text(made)[-1]).split(" = ")[1]
    assert total == "0.0461244"
    assert (total if form != "svg" else "0.0461") in content


@pytest.mark.parametrize("name", ORDER)
def test_every_result_that_is_printed_of_a_moment_is_exported(name):
    """Of the first Moments of each phase, and the last one: in Markdown and in LaTeX, with the same digits."""
    session, service = Session(load(name)), derivations.service()
    length = session.timeline.length
    for place in sorted({0, 1, length // 2, length // 2 + 1, length - 1}):
        session.move(place)
        section = moment.here(session, service)
        document = Document(name, (section,))
        said = [markdown.written(document), latex.written(document)]
        for card in section.cards:
            for result in results(card):
                assert all(result in text or formulas.scientific(result) in text for text in said), (place, result)


def results(card) -> list[str]:
    """What comes out of the equations of a card, as plain mode has it."""
    found = [plain(fact.result) for fact in card.facts if fact.kind in ("element", "update") and fact.result]
    if card.table is not None:
        found.append(sum_texts(card.table, numbers.significant).total)
    if card.equation is not None:
        texts, _ = arithmetic.product(card.equation.numbers, [numbers.significant(x) for x in card.equation.numbers])
        found.append(texts[-1])
    return found


def test_edits_are_named(folder, front):
    front.command("set lr = 0.5")
    front.command("export step s.md")
    assert (folder / "s.md").read_text(encoding="utf-8").startswith("# xor, training step 0, with lr = 0.5 from")


def test_a_step_has_all_its_moments_and_both_ends(folder, front):
    front.command("export step s.md")
    heads = [line[3:] for line in (folder / "s.md").read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
    timeline = front.session.timeline
    assert len(heads) == timeline.length + 2
    assert heads[0] == "the network at the start"
    assert heads[1] == "forward 1 of 4, layer1.z"
    assert heads[5] == "backward 1 of 5, loss, seed"
    assert heads[-1] == "after the update"


def test_every_equation_of_a_step_is_true_as_printed(folder, front):
    calculator = Calculator()
    front.command("export step s.tex")
    calculator.latex((folder / "s.tex").read_text(encoding="utf-8"))
    assert not calculator.wrong
    assert calculator.count > 10


def test_the_screen_that_nobody_sees(folder, front):
    front.command("goto backward layer1.z")
    front.command("export screen s.svg")
    rows = text_of((folder / "s.svg").read_text(encoding="utf-8"))
    seen = [plain(row).rstrip() for row in unseen(front.session, SIZE, THEMES["dark"]).screen()]
    assert rows[1:-1] == seen[1:-1]
    assert "2 Operation" in "\n".join(rows)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("export m.pdf", "m.pdf"),
        ("export moment m.pdf", "'.pdf' is not a form (a name that ends in .md, .tex, .svg)"),
        ("export screen m.md", "the screen is no text"),
        ("export moment nowhere/m.md", "there is no folder nowhere"),
        ("export layer9.z m.md", "layer9.z"),
        ("export ][ m.md", "is nothing to export"),
    ],
)
def test_what_is_wrong_is_one_line_and_writes_nothing(folder, front, line, said):
    with pytest.raises(UserError, match=r".") as caught:
        front.command(line)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(folder.iterdir())


def test_nothing_is_overwritten(folder, front):
    Path("m.md").write_text("mine")
    with pytest.raises(UserError, match=r"m\.md is there already"):
        front.command("export moment m.md")
    assert Path("m.md").read_text() == "mine"
    assert os.listdir(folder) == ["m.md"]


def test_what_is_ended_writes_nothing(folder, front):
    front.session.progress.ask = lambda part, what: "backward" not in what
    front.command("export step s.md")
    assert front.said[-1] == "interrupted: nothing was written"
    assert not list(folder.iterdir())


def test_a_large_network_is_bounded_with_a_clear_word(folder, front):
    deep = "; ".join(f"a{n + 1} = a{n} + w{n}" for n in range(120))
    values = {"a0": 0.1, **{f"w{n}": 0.01 for n in range(120)}}
    session = Session(from_formula(f"{deep}; L = a120**2", values, [f"w{n}" for n in range(120)]))
    said = written(session, Asked("step"), ".md", unseen(session, SIZE, THEMES["dark"]))
    assert "## forward 101 to 121 of 121" in said
    assert "21 further Moments are left out" in said
    assert all(f"| … | {count} more |" in said for count in (21, 21, 20))  # leaves, operations, parameters
    assert len(re.findall("^## forward ", said, re.MULTILINE)) == 101


def test_the_shell_prints_markdown_and_writes_files(folder, capsys):
    assert cli.main(["export", "xor", "moment", "backward", "layer1.a"]) == 0
    assert "## backward 4 of 5, layer1.a" in capsys.readouterr().out
    assert cli.main(["export", "xor", "screen", "--size", "80x24", "--theme", "light", "--to", "s.svg"]) == 0
    assert capsys.readouterr().out == "the screen at forward 1/4 of training step 0 written to s.svg\n"
    root = ElementTree.parse("s.svg").getroot()
    assert root.get("viewBox").split()[2:] == [str(80 * 9 + 24), str(24 * 19 + 24)]
    assert cli.main(["export", "xor", "step", "--at", "3", "--to", "s.tex"]) == 0
    assert "training step 3" in Path("s.tex").read_text(encoding="utf-8")
    for words in (["export", "xor"], ["export", "xor", "moment", "--size", "1x1"], ["export", "--formula", "L = w*x"],
                  ["export", "xor", "step", "3"]):  # fmt: skip
        assert cli.main(words) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_the_page_of_the_docs_is_what_is_written(tmp_path):
    assert (DOCS / "export.md").read_text(encoding="utf-8") == export_page.page(tmp_path), "python -m tests.export_page"
    export_page.said(*export_page.MOMENT, str(tmp_path / "m.svg"))
    made, kept = (timeless_rows(path) for path in (tmp_path / "m.svg", export_page.PICTURE))
    assert made == kept


def timeless_rows(path):
    rows = text_of(path.read_text(encoding="utf-8"))
    return [re.sub(r"[\d.]+e-\d+", "", export_page.timeless(" ".join(row.split()))) for row in rows]
