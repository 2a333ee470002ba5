"""The command line, help, leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.debugger.commands.row import Family

if TYPE_CHECKING:
    from bptui.model.debugger.commands.front_end import FrontEnd

family = Family("Other")


@family.front_end("command", "The command line", keys=("colon",), short="command")
def command(front: FrontEnd, argument: str) -> None:
    front.do_command()


@family.front_end(
    "help", "Keys and commands; what a command, an operation, a word or a mark means", keys=("question_mark", "f1"),
    short="help", usage="[WORD]", complete="help",
)  # fmt: skip
def help_(front: FrontEnd, argument: str) -> None:
    front.do_help(argument)


@family.front_end(
    "explore", "An explorer on what is debugged: chain, rate, flow, activations, race", usage="NAME", needed=True,
    complete="chain|rate|flow|activations|race",
)  # fmt: skip
def explore(front: FrontEnd, argument: str) -> None:
    front.do_explore(argument)


@family.front_end("play", "The playground with what is debugged: a network over two inputs, at this training step")
def play(front: FrontEnd, argument: str) -> None:
    front.do_play()


@family.front_end("palette", "Search the commands", keys=("ctrl+p",))
def palette(front: FrontEnd, argument: str) -> None:
    front.do_palette()


@family.front_end("quit", "Leave", keys=("q", "ctrl+q"), aliases=("exit",), short="quit")
def quit_(front: FrontEnd, argument: str) -> None:
    front.do_quit()
