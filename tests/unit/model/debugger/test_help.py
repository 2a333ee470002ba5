"""help WORD: every word and mark that can stand on the screen means something there; nothing is explained twice."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path
from typing import get_args

import pytest

import bptui
from bptui.model.base.errors import UserError
from bptui.model.debugger.commands.habits import HABITS, called_here
from bptui.model.debugger.commands.help import PARTS_ALONE, help_text
from bptui.model.debugger.commands.registry import COMMANDS, find
from bptui.model.debugger.expressions.functions import FUNCTIONS, NAMES
from bptui.model.debugger.findings.finding import Severity
from bptui.model.debugger.glossary import MARKS, WORDS
from bptui.model.debugger.view import VIEWS
from bptui.model.engine import ops
from bptui.model.engine.graph import Role
from bptui.model.engine.optimizers import OPTIMIZERS
from bptui.model.engine.timeline import PHASES
from bptui.symbolic.types import Method, RowName, Verdict

HERE = Path(bptui.__file__).parent
DRAWING = ("screens", "symbolic/card", "symbolic/against", "model/debugger")
LINES = frozenset("─━│┊┃┏┓└┗┛├┣┤┫┬┳┴┻┼╋╭╮╯╰╸╹╺╻▕▏▄▀▌▐▎▍▋▊▉")
"""What lines, corners, large digits and bars are drawn with: no marks."""
WRITTEN = frozenset("°²³′–‘’“”∑−∗⊙⊤⋅＝é")
"""Of texts that are looked for or rewritten, not drawn."""


def drawn():
    """Every sign outside of ASCII that a text of what draws may have, docstrings left out."""
    found = set()
    for folder in DRAWING:
        for file in (HERE / folder).rglob("*.py"):
            if file.name in ("render.py", "glossary.py"):
                continue
            tree = ast.parse(file.read_text(encoding="utf-8"))
            told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                    found |= {c for c in node.value if ord(c) > 127 and "BRAILLE" not in unicodedata.name(c, "")}
    return sorted(found - LINES - WRITTEN)


def test_every_mark_that_is_drawn_has_help():
    for mark in drawn():
        (row, *_) = help_text(mark)
        assert row.startswith(mark)
        assert len(row) > len(mark) + 2


VOCABULARY = sorted({
    *get_args(RowName), *get_args(Verdict), *get_args(Method), *get_args(Role), *get_args(Severity), *PHASES, *VIEWS,
    "network", "operation", "tensor", "timeline", "ulp", "1 of 2 in", "2 of 2 in", "W 1/2 o", "x 2/3 o",
    "upstream", "local", "downstream", "contribution", "proved", "seed", "story", "convention", "η", "β1", "β2",
    "dead", "saturated", "opaque", "composite", "backpropagation", "backprop", "chain", "weight", "bias", "parameter",
    "neuron", "unit", "layer", "activation", "element", "axis", "breakpoint", "vjp", "jacobian", "overfitting",
} - {"none"})  # fmt: skip


@pytest.mark.parametrize("word", VOCABULARY)
def test_every_word_of_the_check_and_the_panels_has_help(word):
    try:
        told = help_text(word)
    except UserError:
        told = []
    assert told, f"what `help {word}` answers is a line of bptui/model/debugger/glossary.py"


@pytest.mark.parametrize("word", [*ops.OPS, *ops.COMPOSITES])
def test_every_operation_has_its_definition_and_convention(word):
    row = ops.OPS.get(word) or ops.COMPOSITES[word]
    told = "\n".join(help_text(word))
    assert row.doc in told
    assert row.convention in told
    assert "y = " in told or "y[" in told or (row.definition == "" and PARTS_ALONE in told)


@pytest.mark.parametrize("word", OPTIMIZERS)
def test_every_optimizer_has_its_rule_and_defaults(word):
    told = "\n".join(help_text(word))
    assert "p_new = p" in told
    assert all(f"{name} {str(value).lower()}" in told for name, value in OPTIMIZERS[word].options.items())


def test_every_command_function_and_name_has_help():
    for word in (*(word for command in COMMANDS for word in command.words), *FUNCTIONS, *NAMES, *WORDS, *MARKS):
        assert help_text(word), word


@pytest.mark.parametrize(("typed", "mark"), [("eta", "η"), ("beta", "β"), ("rho", "ρ"), ("Sigma", "σ")])
def test_a_greek_letter_has_help_by_its_name(typed, mark):
    assert any(row.startswith(mark) for row in help_text(typed))


def test_all_marks_are_listed():
    told = "\n".join(help_text("marks"))
    assert all(about in told for about in MARKS.values())
    assert "orange" in help_text("colours")[0]


def test_a_word_with_several_meanings_has_all_of_them():
    told = "\n".join(help_text("step"))
    assert "One operation forward" in told
    assert "a training step" in told
    assert "in expressions" in told


def test_a_beginning_of_a_command_is_that_command():
    assert help_text("undispl")[0].startswith("undisplay")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("bt", "why"), ("backtrace", "why"), ("list", "view"), ("run", "next"), ("up", "select NODE"),
        ("loss.backward()", "goto backward"), ("zero_grad", "nothing to do"),
        ("optimizer.zero_grad()", "nothing to do"),
        ("model.summary()", "info network"), ("summary", "info network"), ("fit", "train N"),
        ("sigmod", "sigmoid"), ("ReLU", "relu"), ("kinc", "kink"),
    ],
)  # fmt: skip
def test_words_of_gdb_pdb_pytorch_and_keras_lead_here(word, said):
    with pytest.raises(UserError) as told:
        help_text(word)
    assert said in str(told.value)


@pytest.mark.parametrize("word", HABITS)
def test_a_habit_that_is_no_command_says_what_is(word):
    here = called_here(word)
    try:
        find(word)
    except UserError as problem:
        error = problem
    else:
        return
    assert here.split(";")[0][:30] in str(error) or "not part of this version" in str(error)


def test_what_is_said_of_a_habit_is_a_command():
    words = {word for command in COMMANDS for word in command.words}
    for here in HABITS.values():
        named = {word.strip(".,;:()") for word in here.replace(".grad", "").split()}
        assert named & words or here.startswith(("nothing", "every", "the step", "ctrl+l")), here


def test_hostile_words_are_one_line():
    for word in ("\x1b]52;c;x\x07", "a" * 5000, "__import__('os')", "\n", "%s", "🦀"):
        with pytest.raises(UserError) as told:
            help_text(word)
        assert str(told.value).isprintable()


@pytest.mark.parametrize(
    "word", ["momentum", "weight decay", "weight_decay", "beta1", "learning_rate", "∂L/∂z", "what if"]
)
def test_settings_of_an_optimizer_and_words_with_blanks_have_help(word):
    assert len(help_text(word)[0]) > len(word) + 20


@pytest.mark.parametrize(("said", "word"), [("weights", "weight"), ("training steps", "training step")])
def test_of_several_one_is_explained(said, word):
    assert help_text(said)[0].startswith(f"{word}: ")
