"""What a stage shows that is not the debugger: an explorer, the playground. All it knows is in itself; what it draws is
a function of that and of the room."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.reply import Reply
from bptui.screens.keys import Place
from bptui.screens.render import RenderOptions

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.engine.graph import Graph
    from bptui.screens.panels.choices import Choice
    from bptui.teach.formulas import Target

Work = Callable[[Progress], None]


class Ask(NamedTuple):
    """What a class is asked: the question, the names of what stands as ` ? ` until it is answered, the key of the
    board that leads to what is asked next, and the answers to choose from, none as long as they are not known."""

    question: str
    hide: frozenset[str]
    then: str
    choices: tuple[Choice, ...] = ()


class Board(ABC):
    """name   what it is called, as the shell and `:explore` call it
    place  its keys: the footer, `?` and the documentation are made from them. The words `debug` and `leave` are the
           stage's: enter opens the debugger where the board stands
    held   a key is being answered while something is computed: draw what was drawn last, not what has come since
    hide   names of numbers that stand as ` ? `: a lesson asks for them
    width  columns of the screen, for what the status has room for
    """

    name: str
    place: Place
    hide: frozenset[str] = frozenset()
    held: bool = False
    width: int = 80

    @property
    def asks(self) -> Ask | None:
        """What a class is asked where the board stands now; None where nothing is."""
        return None

    @abstractmethod
    def status(self) -> tuple[Line, Line]:
        """What stands in row 0 after the program's name, and at the right end."""

    @abstractmethod
    def lines(self, width: int, height: int, look: RenderOptions) -> list[Line]:
        """The rows between status and footer, from the rule with the title on."""

    @abstractmethod
    def press(self, word: str, by: tuple[int, int], key: str) -> str:
        """A key of `place`, by its word and what it moves by; one line to say, "" where it is seen; with a colon
        before it, a line that is opened to be completed."""

    def run(self, text: str) -> Reply:
        """A `:` line of its own (`x 1.5`). UserError for one that it does not know."""
        word = text.split(maxsplit=1)[0] if text.split() else ""
        raise UserError(word[:40] or ":", f"is no command of {self.name}", "? shows its keys")

    def unknown(self, word: str, right: str) -> UserError:
        """That no line of an explorer begins with a word."""
        return UserError(word[:40] or ":", "is no line of this explorer", right)

    def complete(self, text: str) -> Sequence[str]:
        """Whole `:` lines that the beginning of one can become."""
        return ()

    def opening(self) -> Session:
        """What enter debugs: a session at the very point where the board stands. UserError where there is none."""
        raise UserError(self.name, "there is nothing to debug here")

    def returned(self) -> None:
        """The debugger that `opening` gave the session to was left."""
        return None

    def work(self) -> Work | None:
        """What is to be computed in the worker's thread, None for nothing. Asked after each key, and after each work.

        The screen draws meanwhile: what a work leaves behind has to be whole at any time. It ends with Cancelled where
        its progress says so, and is asked for again after the key that ended it."""
        return None

    def news(self) -> str:
        """What a work that has ended came upon, to be said in one line; "" for nothing."""
        return ""

    def urgent(self) -> bool:
        """Does what was pressed last need the running work to end first?"""
        return False

    def keep(self) -> None:
        """Its screen is left: what is wanted again is written down."""
        return None

    def close(self) -> None:
        """It is left for ever."""
        return None


def names_of(target: Target, graph: Graph) -> tuple[str, ...]:
    """What boards call a number of the network: `loss`, `new(w)`, `∂L/∂w`, `dy/dx` where the end is y."""
    name = target.node.symbol or target.node.label
    if target.of == "gradient":
        return f"∂L/∂{name}", f"grad({name})", f"d{graph.nodes[graph.loss].label}/d{name}"
    return (f"new({name})",) if target.of == "new" else (name, target.node.name)
