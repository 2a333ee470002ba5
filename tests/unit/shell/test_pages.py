"""What the shell says of itself (help, lists, versions), and `explain`, `explore`, as its page in docs/ has them."""

import json
import re
import shlex

import pytest

from bptui.arguments import EXAMPLES, HABITS, PARTS, parser
from bptui.capturing import parted
from bptui.model.source.examples import examples
from tests.paths import ROOT
from tests.unit.shell.rig import DARTS, result, run


def test_the_list_of_examples(capsys):
    _, out, _ = run(capsys, "examples")
    assert [line.split()[0] for line in out.splitlines()] == [name for name, _ in examples()]


def test_info_names_versions_and_limits(capsys):
    code, out, _ = run(capsys, "info")
    assert code == 0
    for word in ("numpy", "sympy", "textual", "python", "terminal", "limits", "threads"):
        assert word in out
    assert run(capsys, "--info")[1] == out


@pytest.mark.parametrize("argv", [(), ("--ascii",), ("--theme", "light", "--no-color"), ("--theme=light",)])
def test_home_has_the_options_of_a_screen(capsys, argv):
    code, out, _ = run(capsys, *argv)  # here there is no screen: it says what home would list
    assert code == 0
    assert "lesson-2-2-1" in out


@pytest.mark.parametrize("argv", [(), ("--help",), ("-h",), ("help",)])
def test_a_newcomer_is_told_what_there_is(capsys, argv):
    code, out, _ = run(capsys, *argv)
    assert code == 0
    assert all(f"bptui {name}" in out for name in PARTS)


@pytest.mark.parametrize("command", PARTS)
def test_every_command_has_help(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert out.startswith("usage:")
    assert parser(command).description == PARTS[command]
    assert run(capsys, "help", command) == (0, out, "")
    assert not any(line.endswith(" ") for line in out.splitlines())


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_list_of_commands_fits_the_terminal(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = run(capsys, "--help")
    formula = EXAMPLES["eval"][0]
    assert all(len(line) < columns or formula in line for line in out.splitlines())
    told = " ".join(out.split())
    assert all(about in told for about in PARTS.values())


def test_a_word_that_one_would_guess_is_no_command_and_leads_to_one():
    for word, here in HABITS.items():
        assert word not in PARTS
        command = here.removeprefix("bptui ").split()[0]
        assert command in (*PARTS, "--version", "alone"), here


@pytest.mark.parametrize("command", EXAMPLES)
def test_what_the_help_gives_as_an_example_is_a_command_line(command):
    for example in EXAMPLES[command]:
        words = [command, *shlex.split(example)]
        if command == "serve":  # what it serves is a command line of its own
            _, words = parser(command).parse_known_args(words[1:])
        if command == "capture":  # the program's arguments are its own
            words = [command, *parted(words[1:])[0]]
        if words:
            parser(words[0]).parse_intermixed_args(words[1:])


@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_one_number_is_explained(capsys, form):
    code, out, err = run(capsys, "explain", "xor", "layer1.weight[0,3]", "--format", form)
    assert (code, err) == (0, "")
    assert "0.0606674" in out
    assert run(capsys, "explain", "xor", "layer1.weight[0,3]", "--ascii")[1].isascii()


def test_a_number_of_a_formula_is_explained(capsys):
    code, out, _ = run(capsys, "explain", "--formula", *DARTS, "w")
    assert code == 0
    assert "-3.6" in out


def test_a_later_training_step_is_checked_and_explained(capsys):
    step = result(capsys, "trace", "xor", "--steps", "4", "--at", "3", "--json")["step"]
    code, out, _ = run(capsys, "explain", "xor", "layer1.weight[0,3]", "--at", "3")
    assert code == 0
    assert "training step 3" in out.splitlines()[0]
    assert f"= {step['grads']['layer1.weight'][0][3]:.6}"[:9] in out
    code, out, _ = run(capsys, "check", "xor", "--at", "3")
    assert code == 0
    assert out.splitlines()[-1].startswith("xor, training step 3: ok")
    found = json.loads(run(capsys, "check", "xor", "--at", "3", "--json")[1])
    values = [row["got"] for row in found["checks"] if row["node"] == "loss" and row["row"] == "forward"]
    assert values == [step["values"]["loss"]]


def test_a_loss_that_is_not_finite_is_told_although_the_derivatives_are_right(capsys):
    exploding = ("--formula", "L = (w**3)**3", "w=9.0", "--train", "w", "--lr", "100")
    code, out, _ = run(capsys, "check", *exploding, "--at", "20")
    assert code == 0
    assert "skipped: " in out
    assert "the loss is " in out.splitlines()[-2]


def keys(found) -> object:
    """The keys of nested tables, without their values; of a list, those of its first."""
    if isinstance(found, dict):
        return {key: keys(value) for key, value in found.items() if key not in ("values", "grads", "counts")}
    return keys(found[0]) if isinstance(found, list) and found and isinstance(found[0], dict) else None


def test_the_page_of_the_shell_shows_what_is_printed(capsys):
    page = (ROOT / "docs" / "shell.md").read_text(encoding="utf-8")
    assert all(f"`bptui {name}" in page for name in PARTS)
    traced, checked = (json.loads(block.split("```")[0]) for block in page.split("```json")[1:])
    found = result(capsys, "trace", "xor", "--json")
    for part in ("updates",):
        found["step"][part] = {"layer2.bias": found["step"][part]["layer2.bias"]}
    found["parameters"] = {"layer2.bias": found["parameters"]["layer2.bias"]}
    assert keys(traced) == keys(found)
    assert traced["losses"] == pytest.approx(found["losses"], rel=1e-12)  # the last bit is the processor's
    found = result(capsys, "check", "xor", "--json")
    assert keys(checked) == keys(found)
    assert checked["counts"] == found["counts"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "NAME: is missing (bptui explore chain, rate, flow, activations, race)"),
        (["chian"], "explore: there is no explorer 'chian' (did you mean 'chain'?)"),
        (["rate", "nope"], "nope: neither an example nor a file"),
        (["rate", "xor", "more"], "more: is one argument too many"),
        (["rate", "--lr", "0.1"], "--lr: belongs to a formula"),
        (["rate", "xor", "--by", "layer1.z"], "rate: layer1.z is computed"),
        (["rate", "L = x**2", "x=2"], "rate: nothing is trained in it"),
        (["flow", "darts"], "flow: there are no layers with weights in it"),
        (["flow", "xor", "--by", "y"], "--by: flow takes no number (chain, rate, race)"),
        (["activations", "darts"], "activations: darts has no activation"),
        (["race", "xor", "--by", "layer1.weight"], "race: 'layer1.weight' is not two weights"),
        (["chain", "L = w*", "w=1"], "formula 1:7: this is not a formula"),
    ],
)
def test_an_explorer_that_cannot_be_is_one_line(capsys, words, says):
    code, out, err = run(capsys, "explore", *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"bptui: error: {says}")
    assert err.count("\n") == 1


def test_without_a_terminal_an_explorer_is_a_page(capsys):
    code, out, err = run(capsys, "explore", "chain", "L = (y - w*x)**2", "x=2", "y=2", "w=0.5", "--by", "w")
    assert (code, err) == (0, "")
    assert re.search(r"2\.0000 +× +-1\.0000 +× +2\.0000 += +-4\.0000", out)
    _, out, _ = run(capsys, "explore", "race", "--ascii")
    assert out.isascii()
    assert "below ##" in out
