"""The command line of the shell: words → what is wanted. Imports neither NumPy nor Textual. An option is a row of
OPTIONS with the commands that have it, in the order of their `--help`.

One ArgumentParser per command, so that options and NAME=VALUE may stand in any order; whatever is wrong is a UserError
with one line, as everywhere.
"""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.debugger import script


class Option(NamedTuple):
    """An option as argparse takes it. `{verb}` in `about` is what the command does with a training step."""

    flag: str
    commands: tuple[str, ...]
    about: str
    settings: dict[str, Any]


def _option(flag: str, commands: str, about: str, **settings: Any) -> Option:
    return Option(flag, tuple(commands.split()), about, settings)


def _flag(flag: str, commands: str, about: str) -> Option:
    return _option(flag, commands, about, action="store_true")


VERBS = {"trace": "print", "predictions": "list", "diff": "compare"}
"""What a command does with a training step, where that is not the command's own word."""
UNKEPT = ("diff", "explore", "learn", "play")
"""Commands that keep no session of what is done."""
THEME = "dark, light, high-contrast, ansi-dark or ansi-light"

_SCREEN = "run eval"
_FORMULA = "trace check diagnose explain export"
_VALUES = f"eval {_FORMULA} explore"
_NETWORK = f"run {_FORMULA} predictions explore"
_BOARDS = "diff explore learn play replay"
_PRINTED = "trace check diagnose diff predictions explain explore learn play export replay convert examples info"

OPTIONS: tuple[Option, ...] = (
    _flag("--plain", _SCREEN, "line by line, without a screen"),
    _flag("--no-color", _SCREEN, "no colours (as NO_COLOR)"),
    _flag("--ascii", _SCREEN, "ASCII only"),
    _option("--theme", _SCREEN, THEME, metavar="NAME"),
    _option("-x", _SCREEN, "run the commands of a file", dest="script", action="append", metavar="SCRIPT",
            type=lambda path: ("-x", path)),
    _option("-ex", _SCREEN, "run a command; again for more", dest="script", action="append", metavar="COMMAND",
            type=lambda text: ("-ex", text)),
    _option("--record", _SCREEN, "write down what is done, for bptui replay; a new file", metavar="FILE"),
    _flag("--no-save", _SCREEN, "keep nothing of the session, and offer none"),
    _flag("--batch", _SCREEN, "no screen: run the commands, print, exit"),

    _option("--formula", _FORMULA, "a formula in the place of TARGET; then NAME=VALUE", metavar="TEXT"),
    _option("--weights", _NETWORK, "of a network file or an example: numbers of all layers, from .safetensors, .npz or "
            ".json (docs/network-file.md)", metavar="FILE"),
    _option("--weight-layout", _NETWORK, "how the weights of dense layers lie in it, default out_in",
            choices=("in_out", "out_in")),
    _option("--values", _VALUES, "a .json or .npz file with the values of names", metavar="FILE"),
    _option("--train", _VALUES, "the names to train, as w,b", metavar="NAMES"),
    _option("--lr", _VALUES, "their learning rate, default 0.1; of --optimizer 0.01, of lbfgs 1", type=float,
            metavar="RATE"),
    _option("--optimizer", _VALUES, "what trains them, in the words of a network file's [optimizer]: adam, or 'adam, "
            "beta1 = 0.8, clip_norm = 1'; default sgd", metavar="KIND"),
    _option("--dtype", _VALUES, "of all numbers, default float64", choices=("float64", "float32")),

    _option("--steps", "trace", "how many training steps to run, default 1", type=int, default=1, metavar="N"),
    _option("--at", "trace check explain export predictions diff", "the training step to {verb}, default 0", type=int,
            default=0, metavar="K"),
    _option("--steps", "diagnose", "training steps to look at (default: the network's own, at most 200)", type=int,
            metavar="N"),
    _flag("--worst", "predictions", "the largest loss first"),
    _flag("--json", "trace check diagnose predictions diff", "as JSON"),

    _flag("--torch", "check", "beside PyTorch too, where it is installed"),
    _option("--against", "check", "your own gradients (or values) in a .json, .npz or .safetensors file: equal, or "
            "where not, and why; exit 1 where one differs", metavar="FILE"),
    _option("--claim", "check", "a gradient as you think it is: proved, or refuted by a number that shows it; again "
            "for more", action="append", default=[], metavar="NAME=FORMULA"),
    _option("--tolerance", "diff", "the largest relative difference that is none (default: rounding of the coarser "
            "kind of number)", type=float, metavar="T"),
    _flag("--plain", "diff", "as text, without a screen"),
    _option("--format", "explain", "of what is printed, default text", choices=("text", "markdown", "latex"),
            default="text"),
    _option("--by", "explore", "the number that is moved: w, layer1.weight[0,1]; of a race two weights: w,b",
            default="", metavar="NAME"),
    _flag("--again", "play", "the network that was played last, where it was left"),
    _option("--fps", "play", "frames a second while it trains, 0.1 to 20 (default: 20, fewer over a slow line); "
            "training steps are never left out", type=float, metavar="N"),

    _option("--to", "convert", "a new .toml file; without it the network file is printed", metavar="FILE"),
    _option("--to", "export", "a new file that ends in .md, .tex or .svg, of weights in .safetensors or .npz; without "
            "it Markdown (or SVG) is printed", metavar="FILE"),
    _option("--size", "export", "columns and rows of a screen, default 120x36", default="120x36", metavar="WxH"),
    _option("--theme", "export", "the colours of an SVG: dark, light or high-contrast", metavar="NAME"),

    _option("--pace", "replay", "between two lines, not as recorded", type=float, metavar="SECONDS"),
    _flag("--batch", "replay", "no screen: exit 1 where something else comes of a line"),
    _option("--host", "serve", "where to listen (default 127.0.0.1: this machine alone); whoever reaches it uses bptui "
            "as you", default="127.0.0.1", metavar="ADDRESS"),
    _option("--port", "serve", "default 8000; 0 takes one that is free", type=int, default=8000, metavar="N"),

    _flag("--list", "learn", "the lessons, and how far one has come in each"),
    _flag("--check", "learn", "walk it without a screen; exit 1 with what is wrong in it"),
    _flag("--export", "learn", "print it as Markdown, its numbers filled in"),
    _flag("--worksheet", "learn", "print its questions as Markdown, with blanks"),
    _flag("--answers", "learn", "of --worksheet: with the answers in the blanks"),
    _option("--seed", "learn", "of --worksheet: other numbers, the same for the same N", type=int, metavar="N"),
    _flag("--present", "learn", "for a class: one question fills the screen"),

    _option("--step", "capture", "which training step, from 0 (default: the first)", type=int, metavar="N"),
    _option("--when", "capture", "the first training step whose loss is NaN or infinite", choices=("nan",)),
    _option("--last", "capture", "the last K training steps, of those that led there too", type=int, metavar="K"),
    _option("--to", "capture", "where it is written (default: SCRIPT-stepN.bptui in this folder)", metavar="FILE"),
    _flag("--stop", "capture", "end the program when the step is captured"),
    _option("--tensors", "capture", "whose numbers are kept: of all, of none, or of parameters and modules",
            choices=("all", "stats", "boundary"), default="all"),
    _option("-m", "capture", "SCRIPT is a module's name, as of python -m", dest="module", action="store_true"),

    _flag("--no-color", _BOARDS, "no colours (as NO_COLOR)"),
    _option("--theme", _BOARDS, THEME, metavar="NAME"),
    _flag("--ascii", _PRINTED, "ASCII only"),
)  # fmt: skip


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

MAX_STEPS = 10_000_000
EXAMPLE = ("L = (y - w*x)**2", "x=2 y=2 w=0.5")
"""A formula and its values, for messages."""


_HABITS = (
    ("version", "--version"),
    ("list ls demos", "examples"),
    ("debug start open step load demo", "run TARGET"),
    ("formula expression", "eval FORMULA"),
    ("test verify gradcheck gradients proof prove", "check TARGET"),
    ("print show dump values grads backward forward", "trace TARGET"),
    ("derive why derivation", "explain TARGET NODE[i,j]"),
    ("lint doctor findings problems", "diagnose TARGET"),
    ("compare", "diff A B"),
    ("lesson lessons tutorial teach course", "learn"),
    ("train playground game", "play"),
    ("explorer explorers chain rate flow activations race", "explore NAME"),
    ("import keras torch pytorch", "convert FILE, or bptui capture SCRIPT.py"),
    ("record", "run TARGET --record FILE"),
    ("web browser server", "serve"),
    ("env system", "info"),
    ("quit exit", "alone opens home, where q leaves"),
)
HABITS: Mapping[str, str] = {word: f"bptui {here}" for words, here in _HABITS for word in words.split()}
"""Words that one would guess in the place of a command, and what does it."""


class Parser(argparse.ArgumentParser):
    """argparse with this program's way of saying what is wrong."""

    def error(self, message: str) -> NoReturn:
        """One line instead of the usage and an exit."""
        options = [option for action in self._actions for option in action.option_strings]
        found = re.match(r"argument ([^:]+): (.*)", message)
        if found:
            where = next((name for name in found[1].split("/") if name.startswith("--")), found[1])
            raise UserError(where, *_message(found[2], self, where))
        if unknown := re.match(r"unrecognized arguments: (\S+)", message):
            name = unknown[1].split("=")[0]
            if not name.startswith("-"):
                raise UserError(name, "is one argument too many", f"{self.prog} --help")
            raise UserError(name, *_no_option(name, options, self.prog))
        if ambiguous := re.match(r"ambiguous option: (\S+) could match (.*)", message):
            raise UserError(ambiguous[1].split("=")[0], "could be several options", ambiguous[2])
        if missing := re.match(r"the following arguments are required: (.*)", message):
            raise UserError(self.prog, f"{missing[1]} is missing", self.format_usage().removeprefix("usage: ").strip())
        raise UserError(self.prog, message)


def _no_option(name: str, options: Sequence[str], prog: str) -> tuple[str, str]:
    """What is wrong with an option that the command has not, and what would be right: one that is near, or the commands
    that have it."""
    near = did_you_mean(name.lstrip("-"), [option.lstrip("-") for option in options])
    having = [command for option in OPTIONS if option.flag == name for command in PARTS if command in option.commands]
    if having:
        return f"is not an option of {prog}", f"{', '.join(having[:6])}{', …' if len(having) > 6 else ''} have it"
    return "is not an option", near.replace("'", "'--", 1) or f"{prog} --help lists the options"


def _message(message: str, parser: Parser, where: str) -> tuple[str, str]:
    if message.startswith("ignored explicit argument"):
        return "takes no value", where
    if wrong := re.match(r"invalid (\w+) value: (.*)", message):
        return f"found {wrong[2][:60]}", {"int": "a whole number", "float": "a number"}.get(wrong[1], f"a {wrong[1]}")
    if wrong := re.match(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
        known = [word.strip("' ") for word in wrong[2].split(",")]
        return f"found '{wrong[1][:60]}'", did_you_mean(wrong[1], known, ", ".join(known))
    return message, "" if "expected" not in message else f"{where} VALUE"


def parser(command: str) -> Parser:
    """The parser of one command."""
    words = WORDS_OF.get(command, "TARGET")
    examples = "".join(f"\n  {f'bptui {command} {line}'.rstrip()}" for line in EXAMPLES.get(command, ()))
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
    if command in WORDS:  # not serve, whose words and options are those of another command
        made.add_argument("rest", nargs="*", metavar=words, help=WORDS[command])
    for option in OPTIONS:
        if command in option.commands:
            about = option.about.format(verb=VERBS.get(command, command))
            made.add_argument(option.flag, help=about, **option.settings)
    if command in UNKEPT:
        made.set_defaults(batch=False, record=None, no_save=True)
    return made


def usage() -> str:
    """All commands, in as many columns as the terminal has."""
    width, columns = max(map(len, PARTS)), max(40, shutil.get_terminal_size().columns - 2)
    lines = textwrap.wrap("bptui: step a neural network forward and backward in time, one operation at a time", columns)
    lines.append("")
    for name, about in PARTS.items():
        lines += textwrap.wrap(f"  bptui {name:<{width}}  {about}", columns, subsequent_indent=" " * (width + 10))
    lines.append("")
    for typed, about in (
        ("", "home: lessons, examples, a formula; --theme, --ascii, --no-color"),
        ("run xor", "debug an example; ? shows the keys, q leaves"),
        ("eval " + EXAMPLES["eval"][0], ""),
        ("COMMAND --help", "the options of a command"),
    ):
        lines += textwrap.wrap(f"  bptui {typed:<24}{about}", columns, subsequent_indent=" " * 32)
    return "\n".join(lines)


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


def step(at: int) -> None:
    """UserError where `--at` is not the number of a training step."""
    if not 0 <= at < MAX_STEPS:
        raise UserError("--at", f"there is no training step {at}", f"0 to {MAX_STEPS - 1:,}")


def commands(given: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The command lines of -x and -ex, in the order in which they were given; a file that is no script is refused."""
    lines: list[str] = []
    for kind, text in given:
        if kind == "-x":
            script.read(text, "-x")
        lines.append(f"source {text}" if kind == "-x" else text)
    return tuple(lines)
