"""Which rows of a captured step are open, and how they are counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.debugger import folding
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.captured.modules import Modules, Row
from bptui.model.source.captured.network import CapturedNetwork, network_of
from bptui.model.source.network import load
from tests.records import blocks

NETWORK = network_of(blocks(3), "blocks.bptui")


def every(modules: Modules, row: Row) -> Iterator[Row]:
    yield row
    for each in modules.rows(row):
        yield from every(modules, each)


def seen(modules: Modules, row: Row, open_: frozenset[str]) -> Iterator[Row]:
    """The rows one sees, listed."""
    yield row
    if row.key in open_:
        for each in modules.rows(row):
            yield from seen(modules, each, open_)


KEYS = [row.key for section in NETWORK.modules.sections for row in every(NETWORK.modules, section)]


@given(st.frozensets(st.sampled_from(KEYS)))
def test_rows_are_counted_as_they_would_be_listed(open_: frozenset[str]) -> None:
    modules = NETWORK.modules
    listed = [row for section in modules.sections for row in seen(modules, section, open_)]
    found = folding.Listing(modules, open_)
    assert found.total == len(listed)
    assert [found.row(n) for n in range(found.total)] == listed
    assert [found.number(row) for row in listed] == list(range(len(listed)))
    with pytest.raises(IndexError):
        found.row(found.total)
    for section in modules.sections:
        for row in every(modules, section):
            shown = found.seen(row)
            assert shown in listed
            assert shown in row.chain


@pytest.fixture
def session() -> Session:
    return Session(NETWORK)


def labels(session: Session) -> list[str]:
    found = folding.listing(session)
    return [found.row(n).label for n in range(found.total)]


def test_what_holds_the_moment_is_open_and_nothing_else(session: Session) -> None:
    assert labels(session) == [
        "forward", "embed", "blocks.0", "blocks.1", "blocks.2", "head", "mse_loss", "backward", "update",
    ]  # fmt: skip
    run(session, "goto blocks.1")
    assert labels(session)[3:8] == ["blocks.1", "up", "relu", "down", "+"]
    run(session, "goto update")
    assert labels(session)[:4] == ["forward", "backward", "update", "embed.weight"]


def test_where_one_came_from_does_not_matter(session: Session) -> None:
    there = []
    for _ in range(session.walk.length):
        there.append(labels(session))
        session.step()
    for expected in reversed(there):
        assert labels(session) == expected
        session.reverse_step()


def test_fold_closes_the_module_of_the_moment_and_opens_it_again(session: Session) -> None:
    run(session, "goto blocks.1")
    open_ = labels(session)
    assert run(session, "fold blocks.1").ok
    assert "relu" not in labels(session)
    assert folding.listing(session).seen(folding.here(session)).label == "blocks.1"
    assert run(session, "fold blocks.1").ok
    assert labels(session) == open_


def test_another_module_stays_open_until_it_is_closed(session: Session) -> None:
    run(session, "fold blocks.2")
    assert labels(session).count("relu") == 1
    run(session, "step 3")
    assert "relu" in labels(session)
    run(session, "fold blocks.2")
    run(session, "goto start")
    assert "relu" not in labels(session)


def test_a_call_is_no_fold_and_a_module_that_there_is_not_is_named(session: Session) -> None:
    assert not run(session, "fold").ok
    with pytest.raises(UserError, match=r"no module is called 'blocks\.7'.*blocks\."):
        run(session, "fold blocks.7")
    assert not run(Session(load("xor")), "fold").ok


def test_of_a_call_what_holds_it_is_closed(session: Session) -> None:
    run(session, "goto blocks.1.relu")
    assert run(session, "fold").ok
    assert folding.listing(session).seen(folding.here(session)).label == "blocks.1"
    assert run(session, "fold").ok
    assert folding.listing(session).seen(folding.here(session)).label == "relu"


def test_what_is_selected_is_seen_and_followed_in_its_module(session: Session) -> None:
    run(session, "select blocks.2.relu")
    assert folding.chosen(session).label == "relu"
    assert labels(session).count("relu") == 1
    row = folding.chosen(session).above
    assert row is not None
    folding.choose(session, row)
    assert (folding.chosen(session).key, session.node.name) == ("forward blocks.2", "blocks.2.add")
    run(session, "close")
    assert folding.chosen(session) is folding.here(session)


def test_a_row_of_each_phase_can_be_chosen(session: Session) -> None:
    modules = session.network.modules
    assert isinstance(session.network, CapturedNetwork)
    assert modules is not None
    for section in modules.sections:
        for row in every(modules, section):
            folding.choose(session, row)
            assert folding.chosen(session) is row
            assert folding.listing(session).seen(row) in row.chain
