"""The shell commands that have a screen of their own: learn, explore, play; and serve, which shows one in a browser."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bptui import arguments, differing
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.numbers import significant
from bptui.surroundings import around_of, configured
from bptui.targets import is_there, load_named, network_of
from bptui.terminal import check_theme, fits, has_screen, utf8, writer

if TYPE_CHECKING:
    from textual.screen import Screen

    from bptui.model.source.network import Network
    from bptui.screens.board import Board
    from bptui.screens.theme import Theme


def _explorer(options: Namespace) -> tuple[str, Callable[[], Board]]:
    """The explorer that is wanted, and how to make its board: until that is called nothing needs NumPy."""
    from bptui.screens import explore as explorers

    name, *words = options.rest or [""]
    if not name:
        raise UserError("NAME", "is missing", "bptui explore " + ", ".join(explorers.EXPLORERS))
    explorers.known(name)
    load: Callable[[], Network] | None = None
    if words:
        if "=" in words[0] and not is_there(words[0]):
            options.formula, *words = words
        _, load = network_of(options, words)
    else:
        for option in ("values", "train", "lr", "optimizer", "dtype"):
            if getattr(options, option) is not None:
                raise UserError(f"--{option}", "belongs to a formula", f'bptui explore {name} "L = (y - w*x)**2" x=2 …')
    return name, lambda: explorers.board(name, load() if load is not None else None, options.by)


def _explore_screen(options: Namespace) -> Callable[[Theme, bool], Screen[None]]:
    return _on_stage(*_explorer(options))


def explore(options: Namespace) -> int:
    """On the screen; where there is none, its page as text."""
    name, make = _explorer(options)
    if not has_screen():
        from bptui import headless

        return headless.page(make(), writer(options), not options.ascii and utf8(sys.stdout))
    return show(options, _on_stage(name, make))


def _on_stage(title: str, make: Callable[[], Board]) -> Callable[[Theme, bool], Screen[None]]:
    """The screen of a board."""

    def screen(theme: Theme, unicode: bool) -> Screen[None]:
        from bptui.screens.stage import Stage

        return Stage(title, make, theme, unicode)

    return screen


def learn(options: Namespace) -> int:
    """A lesson on the screen, or what its options print of it; the exit code. UserError for options that do not go
    together."""
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
        return learning.listed(writer(options))
    if asked:
        if not options.rest:
            raise UserError("N or FILE.md", "is missing", f"bptui learn 4 --{asked[0]}")
        return learning.printed(options.rest[0], asked[0], options.answers, options.seed, writer(options))
    if options.rest:
        from bptui.teach import catalogue

        catalogue.find(options.rest[0])  # says what is wrong with it, before anything else is
    if not has_screen():
        raise UserError("learn", "a lesson needs a terminal with a screen", "bptui learn --list, or N --export")
    return show(options, _lesson_screen(options))


def _lesson_screen(options: Namespace) -> Callable[[Theme, bool], Screen[None]]:
    """The screen of a lesson, at the page where it was left."""
    from bptui.screens.lesson import LessonScreen
    from bptui.screens.lesson_class import ClassLesson
    from bptui.teach import catalogue, progress

    kept = progress.progress()
    front = catalogue.find(options.rest[0]) if options.rest else catalogue.resumed(kept.last)
    title = f"lesson {front.number}" if front.number else front.title
    if options.present:
        return lambda theme, unicode: ClassLesson(title, front, theme, unicode)
    return lambda theme, unicode: LessonScreen(title, front, kept, theme, unicode)


def show(options: Namespace, screen: Callable[[Theme, bool], Screen[None]]) -> int:
    """A screen of its own."""
    config = configured(options)
    fits()
    from bptui import app

    return app.screen(screen, around_of(options, config, None))


def _playground(options: Namespace) -> Callable[[], Board]:
    """What makes the playground, with a network of its own or a file's."""
    if len(options.rest) > 1:
        raise UserError(options.rest[1][:60], "is one argument too many", "bptui play [FILE]")
    if options.fps is not None and not 0.1 <= options.fps <= 20:
        raise UserError("--fps", f"found {significant(options.fps)}", "0.1 to 20 frames a second")
    from bptui.screens.play.opening import again, playground

    target = options.rest[0] if options.rest else None
    if options.again:
        if target is not None:
            raise UserError("--again", f"stands beside {target[:60]}", "one of them")
        return again(options.fps)
    if target is not None and not is_there(target):
        load_named(target)  # says what is wrong with the name, before a screen is painted for nothing
    return playground(target, options.fps)


def _play_screen(options: Namespace) -> Callable[[Theme, bool], Screen[None]]:
    return _on_stage("play", _playground(options))


def play(options: Namespace) -> int:
    """On the screen; where there is none, how it begins, as text."""
    if not has_screen():
        from bptui import headless

        return headless.page(_playground(options)(), writer(options), not options.ascii and utf8(sys.stdout))
    return show(options, _play_screen(options))


def diff(options: Namespace) -> int:
    """On the screen; as text or JSON where that is asked for, or where there is none."""
    first, second = differing.asked(options)
    if not (options.json or options.plain) and has_screen():
        for target in (first, second):
            if not is_there(target):
                load_named(target)  # says what is wrong with the name, before a screen is painted for nothing
        return show(options, _diff_screen(options))
    from bptui.printing import progress

    return differing.printed(options, progress(), writer(options))


def _diff_screen(options: Namespace) -> Callable[[Theme, bool], Screen[None]]:
    differing.asked(options)

    def make() -> Board:
        from bptui.screens.diff.board import DiffBoard

        return DiffBoard(differing.runs(options))

    return _on_stage(" ".join(options.rest), make)


SCREENS: dict[str, Callable[[Namespace], Callable[[Theme, bool], Screen[None]]]] = {
    "learn": _lesson_screen, "explore": _explore_screen, "play": _play_screen, "diff": _diff_screen,
}  # fmt: skip
"""The commands that have a screen of their own."""


def screen_of(text: str) -> Callable[[Theme, bool], Screen[None]] | None:
    """The screen that a line of home opens where that is not the debugger: `learn 4`, `play`, `explore chain`."""
    command, *words = text.split() or [""]
    if command not in SCREENS:
        return None
    return SCREENS[command](arguments.parser(command).parse_intermixed_args(words))


def serve(options: Namespace, words: Sequence[str]) -> int:
    """A command that has a screen, as the shell would take it, or the options of home, in a browser. What is wrong with
    it is said here, before a page is opened."""
    if not 0 <= options.port <= 65535:
        raise UserError("--port", f"found {options.port}", "1 to 65535, or 0 for any that is free")
    if words and arguments.is_of_home(words[0]):
        arguments.of_home(words)
    elif words:
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
    served = ("run", "eval", *SCREENS)
    if command not in served:
        right = f"bptui serve run {command}" if is_there(command) else did_you_mean(command, served, ", ".join(served))
        raise UserError(command[:60], "has no screen to serve", right)
    options = arguments.parser(command).parse_intermixed_args(words)
    for option in ("batch", "plain", "record", "list", "check", "export", "worksheet"):
        if getattr(options, option, None):
            raise UserError(f"--{option}", "is nothing for a browser", f"bptui {command} with it in the terminal")
    if options.theme is not None:
        check_theme(options.theme)
    if command in SCREENS:
        SCREENS[command](options)
        return
    if command == "eval" and options.rest:
        options.formula, *options.rest = options.rest
    name, load = network_of(options, options.rest)
    if not is_there(name):
        load()
