"""The command line of the shell: words → what is wanted. Imports neither NumPy nor Textual.

One ArgumentParser per command, so that options and NAME=VALUE may stand in any order; whatever is wrong is a UserError
with one line, as everywhere.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from bptui.formula_words import json_value
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.debugger import script

PARTS: Mapping[str, str] = {
    "run": "debug an example or a network file",
    "eval": "debug a formula",
    "trace": "print every value and gradient of a training step",
    "check": "check every derivative; exit 1 where one fails",
    "diagnose": "say what is wrong with a training, and try what would help; exit 1 where there is a warning",
    "diff": "two steps, captured or run: the first operation that is apart, and why; exit 1 where there is one",
    "predictions": "each sample of a training step with its prediction, its target and its loss",
    "explain": "print the derivation of one number",
    "explore": "chain, rate, flow, activations or race: one idea, live, on its own example or on yours",
    "learn": "a lesson beside the debugger; alone: the lesson one is in",
    "play": "train a network over the plane, seen while it learns; every setting by keys",
    "export": "write a derivation, a moment, a training step or the screen as Markdown, LaTeX or SVG; weights",
    "capture": "run a PyTorch program as it is, and write down one of its training steps",
    "replay": "play a recorded run; without a terminal, or with --batch, hold it to what was recorded",
    "serve": "bptui in a browser, for this machine: home, or run, eval, learn, explore or play, with its words",
    "convert": "a model of Keras or PyTorch as a network file",
    "examples": "list the examples",
    "info": "terminal, versions and limits",
}
"""The commands that there are, with a line of help each."""

TARGET = "an example (bptui examples), a network file or a captured step"
WORDS: Mapping[str, str] = {
    "run": TARGET,
    "eval": "a formula, in quotes, and the values of its names, as JSON",
    "trace": TARGET,
    "check": TARGET,
    "diagnose": TARGET,
    "diff": "two of them: a captured step, an example or a network file",
    "predictions": TARGET,
    "explore": "which explorer; then, if you like, an example, a network file, or a formula and its values",
    "convert": "what model.to_json() or print(model) wrote, a .py or .ipynb; of several models in it, which",
    "examples": "an example, to read what it is about",
    "learn": "the number of a lesson, or a Markdown file in the format of lessons",
    "play": "an example or a network file with two inputs (default: a data set of its own)",
    "capture": "a Python program (with -m a module), and its own arguments; what stands behind -- is all its own",
    "replay": "what --record has written, or a script with a first line that says of what",
    "explain": f"{TARGET}, and the node or the element that is explained",
    "export": f"{TARGET}, and what: grad(NODE[i,j]) [from NODE], moment [PLACE], step, screen [PLACE], or weights",
}
"""What stands in the place of the words of a command, for those that take words."""

WORDS_OF: Mapping[str, str] = {
    "eval": "FORMULA NAME=VALUE ...", "explain": "TARGET NODE[i,j]", "export": "TARGET WHAT", "examples": "[NAME]",
    "convert": "FILE [MODEL]",
    "capture": "SCRIPT.py [ARGUMENTS]", "diff": "A B", "replay": "FILE", "serve": "[COMMAND ...]", "play": "[FILE]",
    "learn": "[N | FILE.md]", "explore": "NAME [TARGET | FORMULA NAME=VALUE ...]",
}  # fmt: skip
"""How usage names them, where they are no TARGET."""

EXAMPLES: Mapping[str, Sequence[str]] = {
    "run": ("xor", "network.toml --theme light", "xor --batch -ex 'break loss if loss < 0.1' -ex continue"),
    "eval": (
        '"L = (y - w*x)**2" x=2 y=2 w=0.5 --train w --lr 0.1',
        '"p = softmax(x @ W); L = -log(p[0])" --values v.npz',
    ),
    "trace": ("xor --steps 100 --at 99 --json", '--formula "L = (y - w*x)**2" x=2 y=2 w=0.5'),
    "check": (
        "network.toml --json",
        '--formula "L = (y - w*x)**2" x=2 y=2 w=0.5 --claim "w = -2*x*(y - w*x)"',
        "xor --against mine.json",
    ),
    "explore": ("chain", 'chain "L = (y - w*x)**2" x=2 y=2 w=0.5 --by w', "rate xor", "flow deep-sigmoid"),
    "play": ("", "classifier", "mine.toml --fps 2"),
    "serve": ("", "learn 4", "run xor --port 8001"),
    "capture": (
        "train.py",
        "train.py --step 100 --epochs 5",
        "train.py --when nan --last 3",
        "-m project.train --stop",
    ),
    "replay": ("lesson.replay --pace 2", "lesson.replay --batch"),
    "convert": ("model.json", "train.py Net --to net.toml"),
    "diagnose": ("xor-stuck", "network.toml --steps 500 --json"),
    "predictions": ("classifier --at 100 --worst", "network.toml --json"),
    "learn": ("4", "mine.md --check", "4 --worksheet --seed 12 --answers", "--list"),
    "export": (
        "xor 'grad(layer1.weight[0,1])' --to w.tex",
        "xor moment backward layer1.z --to moment.svg",
        "xor step --at 100 --to step.md",
    ),
    "explain": ("xor 'layer1.z[1,3]'", "xor 'layer1.weight[0,0]' --at 100 --format latex"),
}
"""What one may type, for `--help`."""

WITH_WEIGHTS = ("run", "trace", "check", "diagnose", "predictions", "explain", "export", "explore")
"""Commands whose network may have its weights from a file."""
THEME = "dark, light, high-contrast, ansi-dark or ansi-light"
MAX_STEPS = 10_000_000
EXAMPLE = ("L = (y - w*x)**2", "x=2 y=2 w=0.5")
"""A formula and its values, for messages."""


class Parser(argparse.ArgumentParser):
    """argparse with this program's way of saying what is wrong."""

    def error(self, message: str) -> NoReturn:
        """One line instead of the usage and an exit."""
        options = [option for action in self._actions for option in action.option_strings]
        found = re.match(r"argument ([^:]+): (.*)", message)
        if found:
            where = next((name for name in found[1].split("/") if name.startswith("--")), found[1])
            raise UserError(where, *_said(found[2], self, where))
        if unknown := re.match(r"unrecognized arguments: (\S+)", message):
            name = unknown[1].split("=")[0]
            right = did_you_mean(name, options, f"bptui {self.prog.split()[-1]} --help lists the options")
            raise UserError(name, "is not an option" if name.startswith("-") else "is one argument too many", right)
        if ambiguous := re.match(r"ambiguous option: (\S+) could match (.*)", message):
            raise UserError(ambiguous[1].split("=")[0], "could be several options", ambiguous[2])
        if missing := re.match(r"the following arguments are required: (.*)", message):
            raise UserError(self.prog, f"{missing[1]} is missing", self.format_usage().removeprefix("usage: ").strip())
        raise UserError(self.prog, message)


def _said(message: str, parser: Parser, where: str) -> tuple[str, str]:
    if wrong := re.match(r"invalid (\w+) value: (.*)", message):
        return f"found {wrong[2][:60]}", {"int": "a whole number", "float": "a number"}.get(wrong[1], f"a {wrong[1]}")
    if wrong := re.match(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
        known = [word.strip("' ") for word in wrong[2].split(",")]
        return f"found '{wrong[1][:60]}'", did_you_mean(wrong[1], known, ", ".join(known))
    return message, "" if "expected" not in message else f"{where} VALUE"


def parser(command: str) -> Parser:
    """The parser of one command."""
    words = WORDS_OF.get(command, "TARGET")
    examples = "".join(f"\n  bptui {command} {line}" for line in EXAMPLES.get(command, ()))
    made = Parser(
        prog=f"bptui {command}",
        usage=f"bptui {command} {words if command in WORDS or command in WORDS_OF else ''} [OPTIONS]".replace(
            "  ", " "
        ),
        description=PARTS[command],
        epilog=f"for example:{examples}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if command in ("run", "eval"):
        _screen_options(made)
    if command in WORDS:  # not serve, whose words and options are those of another command
        made.add_argument("rest", nargs="*", metavar=words, help=WORDS[command])
    if command in ("trace", "check", "diagnose", "explain", "export"):
        made.add_argument("--formula", metavar="TEXT", help="a formula in the place of TARGET; then NAME=VALUE")
    if command in WITH_WEIGHTS:
        made.add_argument("--weights", metavar="FILE", help="of a network file or an example: numbers of all layers, "
                          "from .safetensors, .npz or .json (docs/network-file.md)")  # fmt: skip
        made.add_argument(
            "--weight-layout", choices=("in_out", "out_in"), help="how dense ones lie there, default out_in"
        )
    if command in ("eval", "trace", "check", "diagnose", "explain", "export", "explore"):
        made.add_argument("--values", metavar="FILE", help="a .json or .npz file with the values of names")
        made.add_argument("--train", metavar="NAMES", help="the names to train, as w,b")
        made.add_argument(
            "--lr", type=float, metavar="RATE", help="their learning rate, default 0.1; of --optimizer 0.01, of lbfgs 1"
        )
        made.add_argument("--optimizer", metavar="KIND", help="what trains them, in the words of a network file's "
                          "[optimizer]: adam, or 'adam, beta1 = 0.8, clip_norm = 1'; default sgd")  # fmt: skip
        made.add_argument("--dtype", choices=("float64", "float32"), help="of all numbers, default float64")
    if command == "trace":
        made.add_argument("--steps", type=int, default=1, metavar="N", help="how many training steps to run, default 1")
    if command in ("trace", "check", "explain", "export", "predictions", "diff"):
        verb = {"trace": "print", "predictions": "list", "diff": "compare"}.get(command, command)
        made.add_argument("--at", type=int, default=0, metavar="K", help=f"the training step to {verb}, default 0")
    if command == "diagnose":
        made.add_argument("--steps", type=int, metavar="N",
                          help="training steps to look at (default: the network's own, at most 200)")  # fmt: skip
    if command == "predictions":
        made.add_argument("--worst", action="store_true", help="the largest loss first")
    if command in ("trace", "check", "diagnose", "predictions", "diff"):
        made.add_argument("--json", action="store_true", help="as JSON")
    if command == "check":
        made.add_argument("--torch", action="store_true", help="beside PyTorch too, where it is installed")
        made.add_argument("--against", metavar="FILE", help="your own gradients (or values) in a .json, .npz or "
                          ".safetensors file: equal, or where not, and why; exit 1 where one differs")  # fmt: skip
        made.add_argument("--claim", action="append", default=[], metavar="NAME=FORMULA", help="a gradient as you "
                          "think it is: proved, or refuted by a number that shows it; again for more")  # fmt: skip
    if command == "diff":
        made.set_defaults(batch=False, record=None, no_save=True)  # no session of it is kept
        made.add_argument("--tolerance", type=float, metavar="T", help="the largest relative difference that is none "
                          "(default: rounding of the coarser kind of number)")  # fmt: skip
        made.add_argument("--plain", action="store_true", help="as text, without a screen")
        made.add_argument("--no-color", action="store_true", help="no colours (as NO_COLOR)")
        made.add_argument("--theme", metavar="NAME", help=THEME)
    if command == "explain":
        made.add_argument("--format", choices=("text", "markdown", "latex"), default="text",
                          help="of what is printed, default text")  # fmt: skip
    if command == "explore":
        made.set_defaults(batch=False, record=None, no_save=True)  # no session of it is kept
        made.add_argument(
            "--by",
            metavar="NAME",
            default="",
            help="the number that is moved: w, layer1.weight[0,1]; of a race two weights: w,b",
        )
        made.add_argument("--no-color", action="store_true", help="no colours (as NO_COLOR)")
        made.add_argument("--theme", metavar="NAME", help=THEME)
    if command == "play":
        made.set_defaults(batch=False, record=None, no_save=True)  # no session of it is kept
        made.add_argument("--again", action="store_true", help="the network that was played last, where it was left")
        made.add_argument("--fps", type=float, metavar="N", help="frames a second while it trains, 0.1 to 20 (default: "
                          "20, fewer over a slow line); training steps are never left out")  # fmt: skip
        made.add_argument("--no-color", action="store_true", help="no colours (as NO_COLOR)")
        made.add_argument("--theme", metavar="NAME", help=THEME)
    if command == "convert":
        made.add_argument("--to", metavar="FILE", help="a new .toml file; without it the network file is printed")
    if command == "export":
        made.add_argument("--to", metavar="FILE", help="a new file that ends in .md, .tex or .svg, of weights in "
                          ".safetensors or .npz; without it Markdown (or SVG) is printed")  # fmt: skip
        made.add_argument(
            "--size", metavar="WxH", default="120x36", help="columns and rows of a screen, default 120x36"
        )
        made.add_argument("--theme", metavar="NAME", help="the colours of an SVG: dark, light or high-contrast")
    if command == "replay":
        made.add_argument("--pace", type=float, metavar="SECONDS", help="between two lines, not as recorded")
        made.add_argument("--batch", action="store_true", help="no screen: exit 1 where something else comes of a line")
        made.add_argument("--no-color", action="store_true", help="no colours (as NO_COLOR)")
        made.add_argument("--theme", metavar="NAME", help=THEME)
    if command == "serve":
        made.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default 127.0.0.1: "
                          "this machine alone); whoever reaches it uses bptui as you")  # fmt: skip
        made.add_argument("--port", type=int, default=8000, metavar="N", help="default 8000; 0 takes one that is free")
    if command == "learn":
        _lesson_options(made)
    if command == "capture":
        _capture_options(made)
    if command not in ("run", "eval", "serve", "capture"):
        made.add_argument("--ascii", action="store_true", help="ASCII only")
    return made


def _capture_options(made: Parser) -> None:
    made.add_argument("--step", type=int, metavar="N", help="which training step, from 0 (default: the first)")
    made.add_argument("--when", choices=("nan",), help="the first training step whose loss is NaN or infinite")
    made.add_argument("--last", type=int, metavar="K", help="the last K training steps, of those that led there too")
    made.add_argument("--to", metavar="FILE", help="where it is written (default: SCRIPT-stepN.bptui in this folder)")
    made.add_argument("--stop", action="store_true", help="end the program when the step is captured")
    made.add_argument("--tensors", choices=("all", "stats", "boundary"), default="all",
                      help="whose numbers are kept: of all, of none, or of parameters and modules")  # fmt: skip
    made.add_argument("-m", dest="module", action="store_true", help="SCRIPT is a module's name, as of python -m")


def _lesson_options(made: Parser) -> None:
    made.add_argument("--list", action="store_true", help="the lessons, and how far one has come in each")
    made.add_argument("--check", action="store_true", help="walk it without a screen; exit 1 with what is wrong in it")
    made.add_argument("--export", action="store_true", help="print it as Markdown, its numbers filled in")
    made.add_argument("--worksheet", action="store_true", help="print its questions as Markdown, with blanks")
    made.add_argument("--answers", action="store_true", help="of --worksheet: with the answers in the blanks")
    made.add_argument("--seed", type=int, metavar="N", help="of --worksheet: other numbers, the same for the same N")
    made.add_argument("--present", action="store_true", help="for a class: one question fills the screen")
    made.set_defaults(batch=False, record=None, no_save=True)  # no session of it is kept
    made.add_argument("--no-color", action="store_true", help="no colours (as NO_COLOR)")
    made.add_argument("--theme", metavar="NAME", help=THEME)


HOME = ("--no-color", "--ascii", "--theme")
"""Options of `bptui` without a command, the last of which has a value."""


def is_of_home(word: str) -> bool:
    """Is this an option with which home is opened?"""
    return word.partition("=")[0] in HOME


def of_home(words: Sequence[str]) -> Sequence[str]:
    """The options of home. UserError for anything else, which wants a command."""
    for before, word in zip(("", *words), words, strict=False):
        if not is_of_home(word) and before != HOME[-1]:
            raise UserError(word[:60], "stands without a command", f"{', '.join(HOME)}; bptui run TARGET has more")
    return words


def _screen_options(made: Parser) -> None:
    made.add_argument("--plain", action="store_true", help="line by line, without a screen")
    made.add_argument("--no-color", action="store_true", help="no colours (as NO_COLOR)")
    made.add_argument("--ascii", action="store_true", help="ASCII only")
    made.add_argument("--theme", metavar="NAME", help=THEME)
    made.add_argument("-x", dest="script", action="append", metavar="SCRIPT", type=lambda path: ("-x", path),
                      help="run the commands of a file")  # fmt: skip
    made.add_argument("-ex", dest="script", action="append", metavar="COMMAND", type=lambda text: ("-ex", text),
                      help="run a command; again for more")  # fmt: skip
    made.add_argument("--record", metavar="FILE", help="write down what is done, for bptui replay; a new file")
    made.add_argument("--no-save", action="store_true", help="keep nothing of the session, and offer none")
    made.add_argument("--batch", action="store_true", help="no screen: run the commands, print, exit")


def opened(text: str) -> list[str]:
    """A line as one would type it at home, as the words of a command line: a file or an example, or a formula with its
    values, in quotes as in the shell or without: `L = (y - w*x)**2 x=2 y=2 w=0.5 --train w`."""
    text = re.sub(r"^(bptui\s+)?(run|eval)\s+", "", text.strip())
    if re.search(r"\s--weight", text) and "=" not in text:
        return ["run", *_words(text)]
    if "=" not in text or _is_file(text):
        return ["run", text]
    if text[0] in "'\"":
        return ["eval", *_words(text)]
    words: list[str] = []
    while found := re.search(r"\s(--(?:train|lr|values|optimizer|dtype)[\s=]+\S+)$", text):
        words[:0] = re.split(r"[\s=]+", found[1], maxsplit=1)
        text = text[: found.start()].rstrip()
    starts = [match.start(1) for match in re.finditer(r"\s([^\W\d][\w.]*)=(?!=)", text)]
    for at in reversed(starts):  # values from the end, as long as they are values: what is left is the formula
        try:
            json_value(text[at:].partition("=")[2], "")
        except UserError:
            break
        words.insert(0, text[at:].strip())
        text = text[:at].rstrip()
    return ["eval", text, *words]


def _words(text: str) -> list[str]:
    """The words of a line, as a shell would have them."""
    try:
        return shlex.split(text)
    except ValueError as problem:
        raise UserError("formula", str(problem).lower(), f'"{EXAMPLE[0]}" {EXAMPLE[1]}') from None


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def commands(given: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The command lines of -x and -ex, in the order in which they were given; a file that is no script is refused."""
    lines: list[str] = []
    for kind, text in given:
        if kind == "-x":
            script.read(text, "-x")
        lines.append(f"source {text}" if kind == "-x" else text)
    return tuple(lines)
