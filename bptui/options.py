"""The options of the shell commands, a row for each with the commands that have it, in the order of their `--help`."""

from __future__ import annotations

from typing import Any, NamedTuple


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
    _option("--weight-layout", _NETWORK, "how dense ones lie there, default out_in", choices=("in_out", "out_in")),
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
