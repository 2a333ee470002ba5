"""A board in front of a class: its question, the answer that the class chose, pages that turn by themselves."""

from __future__ import annotations

from collections.abc import Callable

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, line
from bptui.screens.autoplay import Autoplay, Timer, seconds
from bptui.screens.board import Ask, Board
from bptui.screens.keys import PRESENT
from bptui.screens.panels import footer
from bptui.screens.render import fit

LOW = 20
"""Rows under which what is told of an answer stands in the place of its question."""


class Classroom:
    """on    the board is presented: the number that it asks for is hidden until the answer is shown
    says  the answer that the class chose, from 1; 0 for none
    """

    def __init__(self, every: Callable[[float, Callable[[], None]], Timer], turn: Callable[[], None]) -> None:
        self.on, self.says = False, 0
        self.autoplay = Autoplay(every, turn)

    def asks(self, board: Board | None) -> Ask | None:
        """What is asked now; None where nothing is presented, or nothing asked yet."""
        return board.asks if board is not None and self.on else None

    def rows(self, board: Board | None, width: int, height: int) -> list[Line]:
        """What stands under the board on a screen of that size."""
        asks = self.asks(board)
        if board is None or asks is None:
            return []
        from bptui.screens.panels.answers import Question, below

        made = Question(line((asks.question, "text")), asks.choices, self.says, not board.hide)
        return [fit(row, width) for row in below(made, width, height < LOW)]

    def keys(self, board: Board) -> tuple[tuple[str, str], ...]:
        """What the footer says."""
        stops = (("space", "stop"),) if self.autoplay.running else ()
        return (*stops, *footer.turned(bool(board.hide)))

    def present(self, board: Board | None, on: bool) -> str:
        """Begin or end it; why it cannot be, "" where it can."""
        asks = board.asks if board is not None else None
        if board is None or (on and asks is None):
            return "nothing is asked here"
        self.on, self.says = on, 0
        self.autoplay.stop()
        board.hide = asks.hide if on and asks is not None else frozenset()
        return ""

    def play(self, board: Board | None, text: str) -> None:
        """`autoplay 5`, `autoplay off`. UserError for another text, and where nothing is asked."""
        wanted = seconds(text)
        self.autoplay.stop()
        if wanted is None:
            return
        if not self.on and (why := self.present(board, True)):
            raise UserError("autoplay", why)
        self.autoplay.start(wanted)

    def press(self, board: Board, key: str) -> str | None:
        """A key that turns the pages or marks what the class says: what to say of it, "" for nothing; None for another
        key, which is the board's."""
        asks, (word, _) = self.asks(board), PRESENT.find(key)
        if key == "space" and self.autoplay.running:
            self.autoplay.stop()
            return "the pages stand still; :autoplay turns them again"
        if asks is None or key == "enter":
            return None
        if word == "class" and asks.choices and board.hide:
            if int(key) > len(asks.choices):
                return f"there are {len(asks.choices)} answers"
            self.says = int(key)
            return ""
        if word == "next":
            self.turn(board)
            return ""
        if word == "back":
            board.hide = asks.hide
            return ""
        return self.present(board, False) if word == "leave" else None

    def turn(self, board: Board) -> None:
        """The answer, then what is asked next."""
        asks = self.asks(board)
        if asks is None:
            return
        if board.hide:
            board.hide = frozenset()
        else:
            board.press(*board.place.find(asks.then), asks.then)
            board.hide, self.says = asks.hide, 0
