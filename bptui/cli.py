"""The shell commands: what `bptui …` does. Results go to stdout, messages to stderr; exit 0, 1 (a check failed) or 2.

Importing this imports neither NumPy nor Textual: `bptui run` paints its first frame before either of the slow ones.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import textwrap
import traceback
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bptui import arguments
from bptui.arguments import PARTS
from bptui.keeper import Keeper, keeper
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.printable import printable
from bptui.model.debugger.script import ScriptError
from bptui.surroundings import Surroundings, around_of, configured, identity_of

if TYPE_CHECKING:
    from textual.screen import Screen

    from bptui.model.source.network import Network
    from bptui.screens.board import Board
    from bptui.screens.theme import Theme

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


INTERRUPTED = 130
"""The exit code of SIGINT, as in a shell."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a disk says that takes no more."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code. Never raises for anything that a user did."""
    for name in THREADS:  # before NumPy: small matrices are slower on two threads, and their bits depend on it
        os.environ.setdefault(name, "1")
    try:
        code = _main(list(sys.argv[1:] if argv is None else argv))
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except ScriptError as error:
        return _fail(str(error), 1)
    except UserError as error:
        return _fail(str(error))
    except MemoryError:
        return _fail("memory: there is not enough for this (a smaller batch, fewer units, float32)")
    except SystemExit as done:  # argparse has printed its help
        return int(done.code or 0)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # whoever read the output has gone; what Python would still flush goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno not in FULL:
            return _defect()
        with suppress(OSError):  # what is still waiting to be written would fail again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _fail(f"output: {(error.strerror or 'it cannot be written').lower()}")
    except Exception:  # whatever else it is, it is a defect: not the user's, and not a failed check (exit 1)
        return _defect()


def _defect() -> int:
    """What is being handled is no fault of the user."""
    if sys.stderr is not None:
        print(printable(traceback.format_exc(), keep="\n"), file=sys.stderr)
    return _fail("this is a defect of bptui; please report it with what stands above and `bptui info`", 70)


def _fail(message: str, code: int = 2) -> int:
    if sys.stderr is not None:
        print(f"bptui: error: {message}", file=sys.stderr)
    return code


def _main(argv: list[str]) -> int:
    if not argv:
        return _home()
    command, rest = argv[0], argv[1:]
    if command in ("-h", "--help", "help"):
        print(_usage())
        return 0
    if command in ("--version", "-V"):
        print(f"bptui {_version()}")
        return 0
    if command == "--info":
        command = "info"
    if command not in PARTS:
        right = did_you_mean(command, PARTS, f"{', '.join(PARTS)}; bptui --help")
        raise UserError(command[:60], "is not a command", _as_target(command) or right)
    if command == "serve":
        return _serve(rest)
    options = arguments.parser(command).parse_intermixed_args(rest)
    options.command = command
    return HANDLERS[command](options)


def _usage() -> str:
    width = max(map(len, PARTS))
    lines = ["bptui: step a neural network forward and backward in time, one operation at a time", ""]
    lines += [f"  bptui {name:<{width}}  {about}" for name, about in PARTS.items()]
    lines += ["", "  bptui                         home: choose an example, or type a formula"]
    lines += ["  bptui run xor                 debug an example; ? shows the keys, q leaves"]
    lines += [f"  bptui eval {arguments.EXAMPLES['eval'][0]}"]
    lines += ["  bptui COMMAND --help          the options of a command"]
    return "\n".join(lines)


def _as_target(word: str) -> str:
    """`bptui xor` means `bptui run xor`: say so."""
    from bptui.model.source.examples import examples

    known = [name for name, _ in examples()]
    if word in known or word.endswith((".toml", ".json", ".bptui")):
        return f"bptui run {word}"
    return ""


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("bptui")
    except PackageNotFoundError:
        return "(not installed)"


def _home() -> int:
    """The list of examples on the screen; where there is none, as text."""
    if not _has_screen():
        print(f"{_usage()}\n\nexamples")
        return _examples(Namespace(ascii=False, rest=[]))
    _fits()
    from bptui import app

    options = arguments.parser("run").parse_intermixed_args(["home"])
    config = configured(options)

    def keeper_of(text: str) -> Keeper | None:
        """Who keeps the session of what was chosen or typed at home."""
        command, target, *_ = arguments.opened(text)
        return None if options.no_save else keeper(*identity_of(command, target))

    return app.home(
        _opened, keeper_of, screen_of=_screen_of, theme=options.theme, unicode=_unicode(options),
        no_color=options.no_color, around=around_of(options, config, None),
    )  # fmt: skip


def _screen_of(text: str) -> Callable[[Theme, bool], Screen[None]] | None:
    """The screen that a line of home opens where that is not the debugger: `learn 4`, `play`, `explore chain`."""
    command, *words = text.split() or [""]
    if command not in SCREENS:
        return None
    options = arguments.parser(command).parse_intermixed_args(words)
    return SCREENS[command](options)


def _opened(text: str) -> tuple[str, Callable[[], Network]]:
    """What was chosen or typed at home, as `bptui run` or `bptui eval` would take it."""
    command, *words = arguments.opened(text)
    options = arguments.parser(command).parse_intermixed_args(words)
    if command == "eval":
        options.formula, *options.rest = options.rest
    return _network(options, options.rest)


def _examples(options: Namespace) -> int:
    from bptui.model.source.examples import catalogue, examples

    found, write = examples(), _writer(options)
    if options.rest:
        name = options.rest[0]
        example = next((example for example in catalogue() if example.name == name), None)
        if example is None or len(options.rest) > 1:
            right = did_you_mean(name, [name for name, _ in found], "bptui examples lists them")
            raise UserError(options.rest[-1], "is not an example" if example is None else "is one too many", right)
        write("\n".join([example.name, example.about, *example.story, f"numbers: {example.source}"]))
        return 0
    width = max(len(name) for name, _ in found)
    for name, about in found:
        first, *more = textwrap.wrap(about, 76 - width) or [""]
        write(f"  {name:<{width}}  {first}".rstrip())
        for rest in more:
            write(" " * (width + 4) + rest)
    return 0


def _network(options: Namespace, words: Sequence[str]) -> tuple[str, Callable[[], Network]]:
    """The name of what is wanted, and how to load it; nothing that needs NumPy happens before that is called."""
    source = getattr(options, "formula", None)
    if source is None:
        if not words:
            raise UserError("TARGET", "is missing", "an example's name or a network file; bptui examples")
        if len(words) > 1:
            command = getattr(options, "command", "run")
            right = f"bptui {command} {words[0][:60]}; a formula: bptui eval, or --formula"
            raise UserError(words[1][:60], "is one argument too many", right)
        for option in ("values", "train", "lr"):
            if getattr(options, option, None) is not None:
                raise UserError(f"--{option}", "belongs to a formula", 'bptui eval "…", or --formula "…"')
        target = words[0]
        return target, lambda: _load(target)
    given = arguments.together(words, options.values)
    train, rate = arguments.names(options.train), 0.1 if options.lr is None else options.lr
    if not 0 < rate < float("inf"):
        raise UserError("--lr", f"found {rate}", "a number greater than 0")

    def load() -> Network:
        from bptui.model.source.network import from_formula

        return from_formula(source, given, train, learning_rate=rate)

    return "formula", load


def _load(target: str) -> Network:
    from bptui.model.source.network import load

    return load(target)


def _is_there(target: str) -> bool:
    """Is it an example or a file? Told without NumPy."""
    try:
        example = Path(__file__).parent / "networks" / f"{target}.toml"
        return example.is_file() or Path(target).is_file()
    except (OSError, ValueError):
        return False


def _run(options: Namespace) -> int:
    name, load = _network(options, options.rest)
    if not _is_there(name):
        load()  # says what is wrong with the name, before a screen is painted for nothing
    return _debug(options, name, load, identity_of("run", name))


def _eval(options: Namespace) -> int:
    if not options.rest:
        raise UserError("FORMULA", "is missing", 'bptui eval "L = (y - w*x)**2" x=2 y=2 w=0.5')
    options.formula, *words = options.rest
    return _debug(options, *_network(options, words), identity_of("eval", options.formula))


def debug(name: str, load: Callable[[], Network]) -> int:
    """The debugger on a network that Python made, on the screen or line by line, as `bptui run` opens it."""
    return _debug(arguments.parser("run").parse_intermixed_args([name]), name, load)


def _debug(options: Namespace, name: str, load: Callable[[], Network], identity: tuple[str, str] | None = None) -> int:
    """On the screen or line by line. With an `identity` the session is kept and offered again, unless it is a batch."""
    lines, config = arguments.commands(options.script or []), configured(options)
    if options.theme is not None:
        _check_theme(options.theme)
    around = around_of(options, config, identity)
    if options.batch or options.plain or not _has_screen():
        from bptui import plain

        unicode = not options.ascii and _utf8(sys.stdout)
        return plain.run(load(), lines, batch=options.batch, unicode=unicode, around=around)
    _fits()
    from bptui import app

    unicode = _unicode(options)
    return app.run(
        name, load, theme=options.theme, unicode=unicode, no_color=options.no_color, start=lines, around=around
    )


def _playground(options: Namespace) -> Callable[[], Board]:
    """What makes the playground, with a network of its own or a file's."""
    if len(options.rest) > 1:
        raise UserError(options.rest[1][:60], "is one argument too many", "bptui play [FILE]")
    if options.fps is not None and not 0.1 <= options.fps <= 20:
        raise UserError("--fps", f"found {options.fps:g}", "0.1 to 20 frames a second")
    target = options.rest[0] if options.rest else None
    if target is not None and not _is_there(target):
        _load(target)  # says what is wrong with the name, before a screen is painted for nothing
    from bptui.screens.play.opening import playground

    return playground(target, options.fps)


def _play_screen(options: Namespace) -> Callable[[Theme, bool], Screen[None]]:
    return _on_stage("play", _playground(options))


def _play(options: Namespace) -> int:
    """On the screen; where there is none, how it begins, as text."""
    if not _has_screen():
        from bptui import headless

        return headless.page(_playground(options)(), _writer(options), not options.ascii and _utf8(sys.stdout))
    return _show(options, _play_screen(options))


def _replay(options: Namespace) -> int:
    if len(options.rest) != 1:
        raise UserError("FILE", "is missing" if not options.rest else "one is replayed at a time", "bptui replay FILE")
    if options.pace is not None and not 0 <= options.pace <= 3600:
        raise UserError("--pace", f"found {options.pace}", "0 to 3600 seconds")
    from bptui import replay

    made = replay.read(options.rest[0])
    command, *words = made.target
    given = arguments.parser(command).parse_intermixed_args(words)
    if command == "eval":
        given.formula, *given.rest = given.rest
    name, load = _network(given, given.rest)
    options.batch = hidden = options.batch or not _has_screen()
    options.no_save = True
    configured(options)
    if options.theme is not None:
        _check_theme(options.theme)
    if not hidden:
        _fits()
    from bptui import app
    from bptui.screens.player import Player

    player = Player(made, options.pace, hidden)
    code = app.run(
        name, load, theme=options.theme, unicode=hidden or _unicode(options),
        no_color=options.no_color, around=Surroundings(player=player), size=made.size if hidden else None,
    )  # fmt: skip
    if player.failed is not None:
        return _fail(str(player.failed), 1)
    if hidden and code == 0:
        count = len(made.entries)
        _writer(options)(f"{made.name}: {count} lines, each as it was" if count > 1 else f"{made.name}: as it was")
    return code


def _in_browser() -> bool:
    """Was this started by `bptui serve`, for a page that was opened? textual-serve says so in the environment."""
    return os.environ.get("TEXTUAL_DRIVER") == "textual.drivers.web_driver:WebDriver"


def _fits() -> None:
    if _in_browser():  # a window has any size, and changes it; what has no room is said there
        return
    columns, rows = shutil.get_terminal_size()
    if columns < SMALLEST[0] or rows < SMALLEST[1]:
        raise UserError("terminal", f"it is {columns}x{rows}", f"at least {SMALLEST[0]}x{SMALLEST[1]}, or --plain")


SMALLEST = (24, 6)
"""Columns and rows of the smallest terminal in which anything can be shown (bptui.screens.layout; a test compares)."""

THEMES = ("dark", "light", "high-contrast", "ansi-dark", "ansi-light")


def _check_theme(name: str) -> None:
    if name not in THEMES:
        raise UserError("--theme", f"found '{name[:40]}'", did_you_mean(name, THEMES, ", ".join(THEMES)))


def _has_screen() -> bool:
    """Is there a terminal that can move its cursor, at both ends, or a browser?"""
    if _in_browser():
        return True
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM", "dumb" if os.name == "posix" else "") != "dumb" and all(
        stream is not None and stream.isatty() for stream in streams
    )


def _unicode(options: Namespace) -> bool:
    """May the screen have more than ASCII?"""
    return not options.ascii and (_in_browser() or _utf8(sys.stderr))


def _utf8(stream: object) -> bool:
    encoding = str(getattr(stream, "encoding", None) or "")
    return encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig", "utf16", "cp65001")


def _trace(options: Namespace) -> int:
    if not 1 <= options.steps <= arguments.MAX_STEPS:
        raise UserError("--steps", f"found {options.steps}", f"1 to {arguments.MAX_STEPS:,}")
    if not 0 <= options.at < options.steps:
        what = f"there is no training step {options.at} in --steps {options.steps}"
        raise UserError("--at", what, f"--steps {options.at + 1} --at {options.at}" if options.at >= 0 else "from 0")
    name, load = _network(options, options.rest)
    from bptui import headless

    return headless.trace(name, load(), options.steps, options.at, options.json, _writer(options))


def _check(options: Namespace) -> int:
    _step(options.at)
    _, load = _network(options, options.rest)
    from bptui import headless

    asked = headless.Asked(options.torch, options.against, tuple(options.claim))
    return headless.check(load(), options.json, _writer(options), asked, options.at)


def _step(at: int) -> None:
    """Is it the number of a training step?"""
    if not 0 <= at < arguments.MAX_STEPS:
        raise UserError("--at", f"there is no training step {at}", f"0 to {arguments.MAX_STEPS - 1:,}")


def _diagnose(options: Namespace) -> int:
    if options.steps is not None and not 1 <= options.steps <= arguments.MAX_STEPS:
        raise UserError("--steps", f"found {options.steps}", f"1 to {arguments.MAX_STEPS:,}")
    name, load = _network(options, options.rest)
    from bptui import headless

    return headless.diagnose(name, load(), options.steps, options.json, _writer(options))


def _predictions(options: Namespace) -> int:
    _step(options.at)
    name, load = _network(options, options.rest)
    from bptui import headless

    headless.predictions(name, load(), options.at, options.worst, options.json, _writer(options))
    return 0


def _explain(options: Namespace) -> int:
    _step(options.at)
    words = list(options.rest)
    if options.formula is None and len(words) < 2:
        raise UserError("NODE[i,j]", "is missing", "bptui explain xor layer1.z[1,3]")
    at = 1 if options.formula is None else next((i for i, word in enumerate(words) if "=" not in word), len(words))
    if at == len(words):
        raise UserError("NODE[i,j]", "is missing", 'bptui explain --formula "L = w*x" w=2 x=3 L')
    place = words.pop(at)
    _, load = _network(options, words)
    from bptui import headless
    from bptui.symbolic.explain import explained

    unicode, network = not options.ascii and _utf8(sys.stdout), load()
    recording = headless.reached(network, options.at)
    _writer(options)(explained(recording, network.name, place, options.format, unicode))
    return 0


def _export(options: Namespace) -> int:
    _step(options.at)
    if options.theme is not None:
        _check_theme(options.theme)
    size = re.fullmatch(r"(\d{1,3})x(\d{1,3})", options.size)
    if size is None or int(size[1]) < SMALLEST[0] or int(size[2]) < SMALLEST[1]:
        raise UserError("--size", f"found {options.size[:40]}", f"from {SMALLEST[0]}x{SMALLEST[1]} on: 120x36")
    words = list(options.rest)
    given = words[:1] if options.formula is None else [word for word in words if "=" in word]
    what = words[1:] if options.formula is None else [word for word in words if "=" not in word]
    if not what:
        raise UserError("WHAT", "is missing", "bptui export xor 'grad(layer1.weight[0,1])' --to w.tex; or moment, step")
    _, load = _network(options, given)
    from bptui import headless

    picture = headless.Picture((int(size[1]), int(size[2])), options.theme or "dark")
    headless.export(load(), options.at, what, options.to, picture, _writer(options))
    return 0


def _info(options: Namespace) -> int:
    from bptui import headless

    return headless.info(_version(), _writer(options))


WORDED = str.maketrans({"²": "^2", "³": "^3", "→": "->", "←": "<-"})
"""Glyphs that text which stands in no grid says better in two characters of ASCII."""


def _writer(options: Namespace) -> Callable[[str], None]:
    """Print to stdout what a terminal takes as text, without what its encoding cannot say."""
    if not options.ascii and _utf8(sys.stdout):
        return lambda text: print(printable(text, keep="\n"))
    from bptui.model.base.spans import Span, plain
    from bptui.screens.render import to_ascii

    def write(text: str) -> None:
        text = text.translate(WORDED)
        print("\n".join(plain(to_ascii((Span(printable(line)),))) for line in text.split("\n")))

    return write


def _explorer(options: Namespace) -> tuple[str, Callable[[], Board]]:
    """The explorer that is wanted, and how to make its board: until that is called nothing needs NumPy."""
    from bptui.screens import explore

    name, *words = options.rest or [""]
    if not name:
        raise UserError("NAME", "is missing", "bptui explore " + ", ".join(explore.EXPLORERS))
    explore.known(name)
    load: Callable[[], Network] | None = None
    if words:
        if "=" in words[0] and not _is_there(words[0]):
            options.formula, *words = words
        _, load = _network(options, words)
    else:
        for option in ("values", "train", "lr"):
            if getattr(options, option) is not None:
                raise UserError(f"--{option}", "belongs to a formula", f'bptui explore {name} "L = (y - w*x)**2" x=2 …')
    return name, lambda: explore.board(name, load() if load is not None else None, options.by)


def _explore_screen(options: Namespace) -> Callable[[Theme, bool], Screen[None]]:
    return _on_stage(*_explorer(options))


def _explore(options: Namespace) -> int:
    """On the screen; where there is none, its page as text."""
    name, make = _explorer(options)
    if not _has_screen():
        from bptui import headless

        return headless.page(make(), _writer(options), not options.ascii and _utf8(sys.stdout))
    return _show(options, _on_stage(name, make))


def _on_stage(title: str, make: Callable[[], Board]) -> Callable[[Theme, bool], Screen[None]]:
    """The screen of a board."""

    def screen(theme: Theme, unicode: bool) -> Screen[None]:
        from bptui.screens.stage import Stage

        return Stage(title, make, theme, unicode)

    return screen


def _learn(options: Namespace) -> int:
    if len(options.rest) > 1:
        raise UserError(options.rest[1][:60], "is one argument too many", "bptui learn 4, or bptui learn FILE.md")
    asked = [name for name in ("list", "check", "export", "worksheet") if getattr(options, name)]
    if len(asked) > 1:
        raise UserError(f"--{asked[1]}", f"stands beside --{asked[0]}", "one at a time")
    for option in ("answers", "seed"):
        if getattr(options, option) not in (None, False) and not options.worksheet:
            raise UserError(f"--{option}", "belongs to --worksheet", "bptui learn 4 --worksheet")
    if options.seed is not None and not 0 <= options.seed < 2**31:
        raise UserError("--seed", f"found {options.seed}", "0 to 2147483647")
    from bptui import learning

    if options.list:
        return learning.listed(_writer(options))
    if asked:
        if not options.rest:
            raise UserError("N or FILE.md", "is missing", f"bptui learn 4 --{asked[0]}")
        return learning.printed(options.rest[0], asked[0], options.answers, options.seed, _writer(options))
    if not _has_screen():
        raise UserError("learn", "a lesson needs a terminal with a screen", "bptui learn --list, or N --export")
    return _show(options, _lesson_screen(options))


def _lesson_screen(options: Namespace) -> Callable[[Theme, bool], Screen[None]]:
    """The screen of a lesson, at the page where it was left."""
    from bptui.screens.lesson import LessonScreen
    from bptui.screens.lesson_class import ClassLesson
    from bptui.teach import catalogue, progress

    kept = progress.progress()
    front = catalogue.find(options.rest[0] if options.rest else kept.last or "1")
    title = f"lesson {front.number}" if front.number else front.title
    if options.present:
        return lambda theme, unicode: ClassLesson(title, front, theme, unicode)
    return lambda theme, unicode: LessonScreen(title, front, kept, theme, unicode)


def _show(options: Namespace, screen: Callable[[Theme, bool], Screen[None]]) -> int:
    """A screen of its own."""
    config = configured(options)
    if options.theme is not None:
        _check_theme(options.theme)
    _fits()
    from bptui import app

    return app.screen(
        screen, theme=options.theme, unicode=_unicode(options), no_color=options.no_color,
        around=around_of(options, config, None),
    )  # fmt: skip


def _serve(rest: Sequence[str]) -> int:
    """A command that has a screen, in a browser; what is wrong with it is said here, before a page is opened."""
    options, more = arguments.parser("serve").parse_known_args(rest)
    words = [*options.rest, *more]
    if not 0 <= options.port <= 65535:
        raise UserError("--port", f"found {options.port}", "1 to 65535, or 0 for any that is free")
    if words:
        _servable(words[0], words[1:])
    try:
        from bptui import serving
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("textual_serve", "aiohttp"):
            raise
        what = "it needs textual-serve, which is not installed"
        raise UserError("serve", what, "pip install 'bptui[serve]'; over SSH, bptui run works as it is") from None
    return serving.serve(words, options.host, options.port, lambda text: print(text, flush=True))


def _servable(command: str, words: Sequence[str]) -> None:
    """UserError where a command has no screen, or where its words are wrong."""
    if command not in (*SCREENS, "run", "eval"):
        right = did_you_mean(
            command, (*SCREENS, "run", "eval"), f"run, eval, {', '.join(SCREENS)}, or nothing for home"
        )
        raise UserError(
            command[:60], "has no screen to serve", _as_target(command).replace("run", "serve run") or right
        )
    options = arguments.parser(command).parse_intermixed_args(words)
    for option in ("batch", "plain", "record", "list", "check", "export", "worksheet"):
        if getattr(options, option, None):
            raise UserError(f"--{option}", "is nothing for a browser", f"bptui {command} with it in the terminal")
    if options.theme is not None:
        _check_theme(options.theme)
    if command in SCREENS:
        SCREENS[command](options)
        return
    if command == "eval" and options.rest:
        options.formula, *options.rest = options.rest
    name, load = _network(options, options.rest)
    if not _is_there(name):
        load()


SCREENS: dict[str, Callable[[Namespace], Callable[[Theme, bool], Screen[None]]]] = {
    "learn": _lesson_screen, "explore": _explore_screen, "play": _play_screen,
}  # fmt: skip
"""The commands that have a screen of their own."""

HANDLERS: dict[str, Callable[[Namespace], int]] = {
    "run": _run,
    "eval": _eval,
    "trace": _trace,
    "check": _check,
    "diagnose": _diagnose,
    "predictions": _predictions,
    "explain": _explain,
    "explore": _explore,
    "learn": _learn,
    "play": _play,
    "export": _export,
    "replay": _replay,
    "examples": _examples,
    "info": _info,
}
