"""Nothing is cut in silence: what has no room on a screen ends with `…`, or with a word that there is more.

Over every example, its Moments, sizes and focused panels: what a panel cuts goes through `clip` and `fit`, which mark
it; no panel cuts with a bare window (`crop`), and no title is dropped by its rule.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.spans import Line, Span, plain
from bptui.model.debugger.session import Session
from bptui.model.source.examples import examples
from bptui.screens import frame, layout, render
from bptui.screens.card import draw
from bptui.screens.explain import Explainer
from bptui.screens.panels import PANELS
from bptui.screens.panels.text import wrap
from tests.screens.panel_rig import at, derived, network, texts
from tests.screens.rig import debug

SIZES = ((80, 24), (120, 36), (60, 20), (200, 50))
NAMES = [name for name, _ in examples()]
WINDOWS = ("bptui.screens.render", "bptui.screens.layout", "bptui.screens.panels.text", "bptui.screens.card.block",
           "bptui.screens.command_line")  # fmt: skip
"""Where a line is taken apart and nothing of it lost, or its sign is set, or it is scrolled."""


@given(st.lists(st.text("ab █", max_size=6), max_size=5), st.integers(0, 20))
def test_what_fit_and_clip_lose_ends_with_a_sign(parts: list[str], width: int) -> None:
    line = tuple(Span(part) for part in parts)
    text = plain(line)
    for made in (render.clip(line, width), render.fit(line, width)):
        if text[width:].strip() and width:
            assert plain(made) == text[: width - 1] + "…"
        else:
            assert plain(made).rstrip() == text[:width].rstrip()
    assert render.length(render.fit(line, width)) == width


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was cut by a bare window or dropped with a title, while the test runs."""
    found: list[str] = []
    window, rule = render.crop, layout.rule

    def crop(spans: Sequence[Span], start: int, end: int) -> Line:
        if start == 0 and plain(spans)[end:].strip():
            found.append(f"{sys._getframe(1).f_globals['__name__']}: {plain(spans)!r} at {end}")
        return window(spans, start, end)

    def watched(title: layout.Title, width: int, focused: bool = False, edge: bool = False) -> Line:
        made = rule(title, width, focused, edge)
        cut = [plain(part) for part in title[2:] if plain(part) not in plain(made)]
        found.extend(f"title {title.name}: {part!r}" for part in cut)
        return made

    for panel in PANELS:
        import_module(f"bptui.screens.panels.{panel.module}")
    for name, module in list(sys.modules.items()):
        if name.startswith("bptui.screens") and name not in WINDOWS and hasattr(module, "crop"):
            monkeypatch.setattr(module, "crop", crop)
    monkeypatch.setattr(layout, "rule", watched)
    return found


def moments(name: str) -> Iterator[Session]:
    """A session at the turns of the first training step and in the middle of its phases; xor-stuck later, too."""
    session = Session(network(name))
    length = session.timeline.length
    for stop in sorted({0, length // 4, length // 2, 3 * length // 4, length - 1}):
        session.move(stop)
        yield session
    if name == "xor-stuck":
        session.train(20)
        session.move(0)
        yield session


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("name", NAMES)
def test_no_panel_cuts_in_silence(name: str, lost: list[str]) -> None:
    for session in moments(name):
        for width, height in SIZES:
            for panel in PANELS:
                session.view.focus = panel.number
                for mode in ("operations", "layers", "neurons", "graph") if panel.number == 1 else ("operations",):
                    session.view.mode = mode
                    frame.paint(session, frame.Ui(), width, height)
    assert not lost


@pytest.mark.parametrize("name", ["darts", "xor", "two-paths", "lenet", "transformer"])
def test_no_card_cuts_in_silence(name: str, lost: list[str]) -> None:
    for session in moments(name):
        ui = frame.Ui(card=derived(session, checked=session.node.op is not None))
        for width, height in SIZES:
            for focus in (1, 2):
                session.view.focus = focus
                frame.paint(session, ui, width, height)
    assert not lost


@pytest.mark.parametrize("size", [(37, 13), (58, 16)], ids=str)
def test_the_heads_of_a_sum_stand_over_their_columns(size: tuple[int, int]) -> None:
    """`padded[0,c,a+4,u+4]` has no room over its numbers: its symbol has."""
    rows = texts(draw(derived(at("lenet", 1)), *size))
    head = next(row for row in rows if row.endswith(("product", "sum")))
    assert "padded " in head
    assert "W" in head.split("padded ")[1]


def test_a_card_of_a_composite_keeps_its_rows_when_its_checks_arrive() -> None:
    session = at("transformer", 0)
    while session.composite is None:
        session.next()
    explainer = Explainer(session, lambda: None)
    try:
        before = explainer.card(True)
        explainer.check()
        assert explainer.service.wait(60.0)
        after = explainer.card(True)
        assert [row.row for row in after.checks] == list(before.due) == ["forward", "parts"]
    finally:
        explainer.close()
    for width, height in ((37, 13), (58, 16), (118, 30)):
        rows = [len(draw(card, width, height)) for card in (before, after)]
        assert rows[0] == rows[1]


@given(st.text("abcdefgh_", min_size=1, max_size=14), st.integers(12, 60))
def test_no_row_ends_with_an_opened_index(name: str, width: int) -> None:
    """The index of a long name was folded right after its bracket."""
    said = (Span(f"∂{name}_heads[i,j,k,l]/∂{name}_parts[p,q,r,s] = δ[i,p]·δ[j,r]·δ[k,q]·δ[l,s]"),)
    rows = texts(wrap(said, width, 2))
    assert "".join("".join(rows).split()) == "".join(plain(said).split())
    if len(f"/∂{name}_parts[p,") <= width - 2:
        assert not any(row.endswith("[") for row in rows), rows


def test_the_title_of_operation_says_the_direction_at_every_width() -> None:
    """Six `s` on darts: the title went blank."""
    session = at("darts", 6)
    for width in range(76, 130):
        session.view.focus = 2
        assert "backward" in plain(frame.paint(session, frame.Ui(), width, 24)[1]), width


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_dead_columns_are_told_in_words_that_fit(size: tuple[int, int]) -> None:
    session = at("xor-stuck", 0)
    session.train(200)
    session.select(session.graph.by_name["layer1.z"].id)
    session.view.focus = 3
    said = [row for row in texts(frame.paint(session, frame.Ui(), *size)) if "! " in row]
    assert all("never above 0" in row or "dead" in row for row in said)
    assert said or size == (80, 24)


def test_a_tensor_that_is_shown_in_part_says_which() -> None:
    session = at("xor", 1)
    said = "\n".join(texts(frame.paint(session, frame.Ui(), 80, 24)))
    assert "rows 0-1 of 4" in said
    assert "[0] []" in said


@pytest.mark.parametrize("width", [*range(76, 130, 3), 160, 200])
def test_numbers_of_layers_end_under_their_heads(width: int) -> None:
    session = at("transformer", 127)
    session.view.mode = "layers"
    grid = frame.grid_of(session, width, 36)
    assert grid is not None
    left = grid.boxes[0].width
    rows = [row[:left].rstrip(" │") for row in texts(frame.paint(session, frame.Ui(), width, 36))[2:30]]
    head = next(row for row in rows if row.endswith("∂L/∂value"))
    end = head.index("value") + len("value")
    layers = [row for row in rows if "characters" in row or "norm  layer_norm" in row or "cross_entropy" in row]
    assert len(layers) == 3
    for row in layers:
        assert (row[end - 1].isdigit(), row[end], len(row)) == (True, " ", len(head)), row


async def test_an_answer_is_whole_at_60_columns() -> None:
    """`i`: where `layer2.z` comes from was cut before its last input."""
    async with debug("xor", 60, 20) as screen:
        await screen.press(*"ssssss")
        await screen.run("why value(layer2.z)")
        told = screen.text.split("2 Why")[1]
        assert "z = a @ W + b" in told
        assert "b[0]" in told
        assert "✓ equal" in told
        assert "…" not in told


@pytest.mark.parametrize("width", [60, 68, 76, 80, 100, 120, 200])
@pytest.mark.parametrize("name", NAMES)
def test_the_folded_view_says_all_of_a_layer_or_that_there_is_more(name: str, width: int) -> None:
    session = at(name, 1)
    session.view.mode, session.view.focus = "layers", 1
    grid = frame.grid_of(session, width, 30)
    assert grid is not None
    left = grid.boxes[0].width
    rows = [row[:left] for row in texts(frame.paint(session, frame.Ui(), width, 30))]
    for layer in session.graph.layers:
        found = [n for n, row in enumerate(rows) if f" {layer.name}  " in row[: len(layer.name) + 5]]
        if found:
            said = f"{rows[found[0]]} {rows[found[0] + 1]}"
            assert layer.summary in said or "…" in said
            if "…" in said and len(session.graph.layers) < 12:  # there are empty rows for the rest
                assert all(word in said for word in layer.summary.split("(")[0].split(", ")[1:])
