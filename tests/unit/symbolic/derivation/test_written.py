"""What is written down holds whatever anything is called: LaTeX compiles, Markdown reads no markup, nothing is lost."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bptui.model.base.printable import printable
from bptui.model.base.spans import Span
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_formula, load
from bptui.screens.export import SIZE, Asked, unseen, written
from bptui.screens.theme import THEMES
from bptui.symbolic.card import text
from bptui.symbolic.derivation import latex, markdown
from bptui.symbolic.derivation.document import Document, Grid, Section
from bptui.symbolic.formula import latex as formulas

HOSTILE = (
    r"\input{/etc/passwd}", "100% & #1 $x$ _a_ ^b^ ~ {c} }{ \\", "\\end{document}", "`code` ``more``", "<b>&amp;</b>",
    "| a | b |", "[x](javascript:1)", "```math", "ä ŷ ñ č Ø 変数 🙂 α∂½²→", "\x1b[2J\u202e\ud800\n\t", '"quoted" \'',
    "//**", "$$", "^^41", "-1e5 - 2", "beta1", "_", "a'b'", "∂/∂", "∂L/∂", "%", "...",
)  # fmt: skip
LATEX = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
KNOWN = set(
    """
    documentclass usepackage allowdisplaybreaks emergencystretch setlength parindent mathindent begin end small
    raggedright section subsection par medskip textbf textit quad arraybackslash textbackslash
    textasciitilde textasciicircum frac partial sum prod max min exp log sin cos tanh sinh cosh sqrt
    left right bigl bigr cdot operatorname mathrm delta text leq geq neq wedge vee neg lfloor rfloor
    bmod substack infty hat ldots approx times div pm surd nabla in to leftarrow uparrow downarrow triangleright
    backslash sim alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau
    phi chi psi omega Delta grave acute tilde bar breve dot ddot mathring check
    """.split()  # noqa: SIM905
)


READER = MarkdownIt("commonmark").enable("table")
LISTS = {
    f"{name}_{end}" for end in ("open", "close")
    for name in ("bullet_list", "list_item", "table", "thead", "tbody", "tr", "th", "td")
}  # fmt: skip


def sound(made: str) -> None:
    """What every LaTeX asks for: ASCII, groups and environments that end, and no command but those of ours."""
    assert made.isascii()
    depth = 0
    for brace in re.findall(r"\\.|[{}]", made, re.DOTALL):
        depth += (brace == "{") - (brace == "}")
        assert depth >= 0
    assert not depth
    assert set(re.findall(r"\\([A-Za-z]+)", re.sub(r"\\\\", "", made))) <= KNOWN
    inside = []
    for which, name in re.findall(r"\\(begin|end)\{([^}]*)\}", made):
        inside.append(name) if which == "begin" else None
        assert which == "begin" or inside.pop() == name
    assert not inside


def compiled(made: str, folder) -> None:
    (folder / "made.tex").write_text(made, encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "made.tex"]
    ran = subprocess.run(command, cwd=folder, capture_output=True)
    assert ran.returncode == 0, ran.stdout.decode(errors="replace")[-1500:]


def of(words: str) -> Document:
    """A document in which everything is called so."""
    session = Session(from_formula("u = w*x; L = u**2", {"w": 0.5, "x": 2.0}, ["w"]))
    from bptui.symbolic.derivation.moment import Teller
    from bptui.symbolic.service import Service

    service = Service()
    try:
        section = Teller(session.element_of, service).section(session.state)
    finally:
        service.close()
    cards = []
    for card in section.cards:
        named = [replace(f, names=renamed(f.names, words)) for f in card.formulas]
        named = [replace(f, numbers=f.numbers and renamed(f.numbers, words)) for f in named]
        cards.append(replace(card, title=(Span(words),), formulas=tuple(named), node=words))
    grid = Grid((words, words), ((words, words),))
    return Document(words, (Section(words, tuple(cards), checks=section.checks, grid=grid, note=words),))


def renamed(names, words):
    return replace(names, symbols={name: Span(words) for name in names.symbols})


@LATEX
def test_latex_compiles_whatever_things_are_called(tmp_path):
    pages = [latex.written(of(words)) for words in HOSTILE]
    bodies = [page.partition(r"\begin{document}")[2].rpartition(r"\end{document}")[0] for page in pages]
    head = pages[0].partition(r"\begin{document}")[0]
    compiled(rf"{head}\begin{{document}}{''.join(bodies)}\end{{document}}", tmp_path)


@pytest.mark.parametrize("words", HOSTILE)
def test_latex_is_sound_and_markdown_has_the_blocks_of_ours_alone(words):
    document = of(words)
    sound(latex.written(document))
    made = markdown.written(document)
    tokens = READER.parse(made)
    blocks = {token.type for token in tokens}
    assert blocks <= {"heading_open", "heading_close", "inline", "paragraph_open", "paragraph_close", "fence"} | LISTS
    assert {token.info for token in tokens if token.type == "fence"} == {"math"}
    inline = {child.type for token in tokens for child in token.children or ()}
    assert inline <= {"text", "code_inline", "softbreak"}
    assert printable(words).split() == "".join(child.content for child in tokens[1].children or ()).split(), (
        "the heading is what it is called"
    )
    assert "operatorname" not in made


@given(st.text(max_size=30))
def test_no_name_breaks_a_formula_or_a_sentence(words):
    sound(rf"{formulas.name(words)} {formulas.escape(words)} {formulas.prose(words)}")


@given(st.text(max_size=30))
def test_words_of_markdown_are_code_to_their_last_letter(words):
    made = text.code(words)
    fence = re.match("`+", made)[0]
    inside = made[len(fence) : -len(fence)]
    assert not re.search(rf"(?<!`){fence}(?!`)", inside)
    assert printable(words) in inside


def test_no_two_letters_become_one():
    letters = "äáàâåčñöüßØ変数αβ∂½"
    assert len({formulas.escape(letter) for letter in letters}) == len(letters)


@LATEX
@pytest.mark.parametrize("name", ["xor", "mazur", "swoosh"])
def test_a_step_compiles(name, tmp_path):
    session = Session(load(name))
    made = written(session, Asked("step"), ".tex", unseen(session, SIZE, THEMES["dark"]))
    sound(made)
    compiled(made, tmp_path)


def test_names_of_greek_letters_and_numbers_have_one_subscript():
    session = Session(from_formula("L = sum(beta1)", {"beta1": [1.0, 2.0]}))
    made = written(session, Asked("number", "L"), ".tex", unseen(session, SIZE, THEMES["dark"]))
    assert r"{\beta_{1}}_{0}" in made
    sound(made)
