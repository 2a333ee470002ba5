"""Whole numbers as they are typed."""

import pytest

from bptui.model.base.errors import UserError
from bptui.model.base.typed import whole
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from bptui.teach.play import settings
from bptui.teach.play.setup import opened


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("07", 7), ("40", 40), ("41", None), ("", None), ("-1", None), ("1.0", None), ("٣", None), ("²", None),
     ("9" * 30, None), (" 3", None)],
)  # fmt: skip
def test_whole(text: str, number: int | None) -> None:
    assert whole(text, 0, 40) == number


@pytest.mark.parametrize("line", ["layers --5", "stride ٣", "seed -1"])
def test_a_setting_of_the_playground_in_words_of_its_own(line: str) -> None:
    with pytest.raises(UserError, match="whole number"):
        settings.said(opened(None), line)


@pytest.mark.parametrize(
    "line", ["undisplay 0000000011", "set evaluation = 0000000011", "delete 0000000011", "branch 011"]
)
def test_zeros_before_a_number_do_not_make_it_another(line: str) -> None:
    """The first nine digits were looked at, and all of them taken."""
    session = Session(load("xor"))
    run(session, "display loss")
    with pytest.raises(UserError):
        run(session, line)
