"""The command line, help, leaving."""

from __future__ import annotations

from bptui.model.debugger.commands.row import Family
from bptui.model.debugger.front_end import FrontEnd

family = Family("Other")


family.front_end("command", "The command line", FrontEnd.do_command, keys=("colon",), short="command")
family.front_end(
    "help", "Keys and commands; what a command, an operation, a word or a mark means", FrontEnd.do_help,
    keys=("question_mark", "f1"), short="help", usage="[WORD]", complete="help",
)  # fmt: skip
family.front_end(
    "explore", "An explorer on what is debugged: chain, rate, flow, activations, race", FrontEnd.do_explore,
    usage="chain|rate|flow|activations|race", needed=True, complete="chain|rate|flow|activations|race",
)  # fmt: skip
family.front_end(
    "play", "The playground with what is debugged: a network over two inputs, at this training step",
    FrontEnd.do_play,
)  # fmt: skip
family.front_end("palette", "Search the commands", FrontEnd.do_palette, keys=("ctrl+p",))
family.front_end("quit", "Leave", FrontEnd.do_quit, keys=("q", "ctrl+q"), aliases=("exit",), short="quit")
