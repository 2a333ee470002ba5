"""The shell commands: what `bptui …` does. Results go to stdout, messages to stderr; exit 0, 1 (a check failed) or 2.

Importing this imports neither NumPy nor Textual: `bptui run` paints its first frame before either of the slow ones.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import textwrap
import traceback
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from bptui import arguments, home_line, showing
from bptui.arguments import PARTS
from bptui.keeper import Keeper, keeper
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.printable import printable
from bptui.model.debugger.script import ScriptError
from bptui.surroundings import Surroundings, around_of, configured, identity_of
from bptui.targets import is_there, network_of
from bptui.terminal import SMALLEST, check_theme, fits, glyphs, has_screen, utf8, writer

if TYPE_CHECKING:
    from bptui.model.source.network import Network

SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1",
    "TEXTUAL_FPS": "250",
}  # fmt: skip
"""Variables that NumPy and Textual read when they are imported: small matrices are slower on two threads, and their
bits depend on it; with Textual's 60 looks a second the first frame would wait for one."""

INTERRUPTED = 130
"""The exit code of SIGINT, as in a shell."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a disk says that takes no more."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code. Never raises for anything that a user did."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] != ["capture"]:  # that is another program's process
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
    try:
        code = _main(given)
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
    if not argv or arguments.is_of_home(argv[0]):
        return _home(argv)
    command, rest = argv[0], argv[1:]
    if command in ("-h", "--help", "help"):
        print(arguments.parser(_known(rest[0])).format_help() if rest else arguments.usage(), end="" if rest else "\n")
        return 0
    if command in ("--version", "-V"):
        print(f"bptui {_version()}")
        return 0
    if command == "--info":
        command = "info"
    if _known(command) == "capture":
        return _capture(rest)
    if command == "serve":
        return showing.serve(*arguments.parser(command).parse_known_args(rest))
    options = arguments.parser(command).parse_intermixed_args(rest)
    options.command = command
    return HANDLERS[command](options)


def _known(command: str) -> str:
    """The command itself where there is one of that name; else a UserError says what is near, or does the same."""
    if command in PARTS:
        return command
    right = did_you_mean(command, PARTS, f"{', '.join(PARTS)}; bptui --help")
    raise UserError(command[:60], "is not a command", _as_target(command) or arguments.HABITS.get(command) or right)


def _as_target(word: str) -> str:
    """`bptui xor` means `bptui run xor`: say so."""
    from bptui.model.source.examples import examples

    known = [name for name, _ in examples()]
    if word in known or word.endswith((".toml", ".json", ".bptui")):
        return f"bptui run {word}"
    if word.endswith(".md"):
        return f"bptui learn {word}"
    if word.endswith(".py"):
        return f"bptui capture {word}, or bptui convert {word}"
    return f'bptui eval "{word}" NAME=VALUE …' if "=" in word else ""


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("bptui")
    except PackageNotFoundError:
        return "(not installed)"


def _home(argv: list[str]) -> int:
    """The list of examples on the screen, as its options say; where there is none, as text."""
    options = arguments.parser("run").parse_intermixed_args(["home", *arguments.of_home(argv)])
    if options.theme is not None:
        check_theme(options.theme)
    if not has_screen():
        print(f"{arguments.usage()}\n\nexamples")
        return _examples(Namespace(ascii=options.ascii, rest=[]))
    fits()
    from bptui import home_app

    config = configured(options)

    def keeper_of(text: str) -> Keeper | None:
        """Who keeps the session of what was chosen or typed at home."""
        command, target, *_ = home_line.opened(text)
        return None if options.no_save else keeper(*identity_of(command, target))

    return home_app.home(_opened, keeper_of, showing.screen_of, around_of(options, config, None))


def _opened(text: str) -> tuple[str, Callable[[], Network]]:
    """What was chosen or typed at home, as `bptui run` or `bptui eval` would take it."""
    command, *words = home_line.opened(text)
    options = arguments.parser(command).parse_intermixed_args(words)
    if command == "eval":
        options.formula, *options.rest = options.rest
    return network_of(options, options.rest)


def _examples(options: Namespace) -> int:
    from bptui.model.source.examples import catalogue, examples

    found, write = examples(), writer(options)
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


def _run(options: Namespace) -> int:
    name, load = network_of(options, options.rest)
    if not is_there(name):
        load()  # says what is wrong with the name, before a screen is painted for nothing
    return _debug(options, name, load, identity_of("run", name))


def _eval(options: Namespace) -> int:
    if not options.rest:
        raise UserError("FORMULA", "is missing", 'bptui eval "L = (y - w*x)**2" x=2 y=2 w=0.5')
    options.formula, *words = options.rest
    return _debug(options, *network_of(options, words), identity_of("eval", options.formula))


def debug(name: str, load: Callable[[], Network]) -> int:
    """The debugger on a network that Python made, on the screen or line by line, as `bptui run` opens it."""
    return _debug(arguments.parser("run").parse_intermixed_args([name]), name, load)


def _debug(options: Namespace, name: str, load: Callable[[], Network], identity: tuple[str, str] | None = None) -> int:
    """On the screen or line by line. With an `identity` the session is kept and offered again, unless it is a batch."""
    lines, config = arguments.commands(options.script or []), configured(options)
    around = around_of(options, config, identity)
    if options.batch or options.plain or not has_screen():
        from bptui import plain

        unicode = not options.ascii and utf8(sys.stdout)
        return plain.run(load(), lines, batch=options.batch, unicode=unicode, around=around)
    fits()
    from bptui import app

    return app.run(name, load, start=lines, around=around)


def _capture(words: list[str]) -> int:
    """Run somebody's program; its options are not ours, and its output and exit code are its own."""
    from bptui import capturing

    own, program = capturing.parted(words)
    return capturing.capture(arguments.parser("capture").parse_args(own), program)


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
    name, load = network_of(given, given.rest)
    options.batch = hidden = options.batch or not has_screen()
    options.no_save = True
    configured(options)
    if not hidden:
        fits()
    from bptui import app
    from bptui.screens.player import Player

    player = Player(made, options.pace, hidden)
    around = Surroundings(
        player=player, theme=options.theme, no_color=options.no_color, unicode=hidden or glyphs(options)
    )
    code = app.run(name, load, around=around, size=made.size if hidden else None)
    if player.failed is not None:
        return _fail(str(player.failed), 1)
    if hidden and code == 0:
        count = len(made.entries)
        writer(options)(f"{made.name}: {count} lines, each as it was" if count > 1 else f"{made.name}: as it was")
    return code


def _trace(options: Namespace) -> int:
    _steps(options.steps)
    if not 0 <= options.at < options.steps:
        what = f"there is no training step {options.at} in --steps {options.steps}"
        raise UserError("--at", what, f"--steps {options.at + 1} --at {options.at}" if options.at >= 0 else "from 0")
    name, load = network_of(options, options.rest)
    from bptui import headless

    return headless.trace(name, load(), options.steps, options.at, options.json, writer(options))


def _check(options: Namespace) -> int:
    arguments.step(options.at)
    _, load = network_of(options, options.rest)
    from bptui import checking

    asked = checking.Asked(options.torch, options.against, tuple(options.claim))
    return checking.check(load(), options.json, writer(options), asked, options.at)


def _steps(count: int) -> None:
    """May so many training steps be run?"""
    if not 1 <= count <= arguments.MAX_STEPS:
        raise UserError("--steps", f"found {count}", f"1 to {arguments.MAX_STEPS:,}")


def _diagnose(options: Namespace) -> int:
    if options.steps is not None:
        _steps(options.steps)
    name, load = network_of(options, options.rest)
    from bptui import headless

    return headless.diagnose(name, load(), options.steps, options.json, writer(options))


def _predictions(options: Namespace) -> int:
    arguments.step(options.at)
    name, load = network_of(options, options.rest)
    from bptui import headless

    headless.predictions(name, load(), options.at, options.worst, options.json, writer(options))
    return 0


def _explain(options: Namespace) -> int:
    arguments.step(options.at)
    words = list(options.rest)
    if options.formula is None and len(words) < 2:
        raise UserError("NODE[i,j]", "is missing", "bptui explain xor layer1.z[1,3]")
    at = 1 if options.formula is None else next((i for i, word in enumerate(words) if "=" not in word), len(words))
    if at == len(words):
        raise UserError("NODE[i,j]", "is missing", 'bptui explain --formula "L = w*x" w=2 x=3 L')
    place = words.pop(at)
    _, load = network_of(options, words)
    from bptui.printing import reached
    from bptui.symbolic.explain import explained

    unicode, network = not options.ascii and utf8(sys.stdout), load()
    recording = reached(network.history(), options.at, network.first)
    writer(options)(explained(recording, network.name, place, options.format, unicode, network.first))
    return 0


def _export(options: Namespace) -> int:
    arguments.step(options.at)
    size = re.fullmatch(r"(\d{1,3})x(\d{1,3})", options.size)
    if size is None or int(size[1]) < SMALLEST[0] or int(size[2]) < SMALLEST[1]:
        raise UserError("--size", f"found {options.size[:40]}", f"from {SMALLEST[0]}x{SMALLEST[1]} on: 120x36")
    words = list(options.rest)
    given = words[:1] if options.formula is None else [word for word in words if "=" in word]
    what = words[1:] if options.formula is None else [word for word in words if "=" not in word]
    if not what:
        raise UserError("WHAT", "is missing", "bptui export xor 'grad(layer1.weight[0,1])' --to w.tex; or moment, step")
    _, load = network_of(options, given)
    if what == ["weights"]:
        from bptui import converting

        return converting.export_weights(load(), options.at, options.to, writer(options))
    from bptui import headless

    picture = headless.Picture((int(size[1]), int(size[2])), options.theme or "dark")
    headless.export(load(), options.at, what, options.to, picture, writer(options))
    return 0


def _convert(options: Namespace) -> int:
    from bptui import converting

    return converting.convert(options, writer(options))


def _info(options: Namespace) -> int:
    from bptui import headless

    return headless.info(_version(), writer(options))


HANDLERS: dict[str, Callable[[Namespace], int]] = {
    "run": _run,
    "eval": _eval,
    "trace": _trace,
    "check": _check,
    "diagnose": _diagnose,
    "diff": showing.diff,
    "predictions": _predictions,
    "explain": _explain,
    "explore": showing.explore,
    "learn": showing.learn,
    "play": showing.play,
    "export": _export,
    "replay": _replay,
    "convert": _convert,
    "examples": _examples,
    "info": _info,
}
