"""The Operation panel: its texts from a real session, and the laws of every size."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.spans import Line, Span, line, plain
from bptui.screens.card import band, draw, sums, verdicts
from bptui.screens.panels import operation
from bptui.screens.panels.text import wrap
from bptui.screens.render import RenderOptions, length
from bptui.screens.scene import Scene
from bptui.symbolic.facts import (
    Card,
    Contributions,
    Equation,
    Fact,
    Heads,
    Note,
    Operand,
    Step,
    Table,
    Term,
    sentence,
)  # fmt: skip
from bptui.symbolic.types import CheckRow
from tests.screens.panel_rig import at, derived, formula, texts, within
from tests.screens.rig import debug

BACKWARD_A = 7
"""lesson-2-2-1: backward 4/5, layer1.a."""


def defined(text: str) -> Fact:
    return sentence("definition", "definition", text)


def sum_of(count: int, elided: int = 0) -> Card:
    """A card with a table of `count` terms of which `elided` are left out."""
    terms, running = [], 0.0
    for k in range(count):
        running += 0.5 * k
        terms.append(
            Term(str(k), ((line(f"x[1,{k}]"), 0.5), (line((f"W[{k},3]", "parameter")), float(k))), 0.5 * k, running)
        )
    head, tail = (terms[:6], terms[-2:]) if elided else (terms, [])
    heads = Heads("k", (line("x[1,k]"), line(("W", "parameter"), "[k,3]")), line("x[1,k]·W[k,3]"))
    steps = (Step("+", line(("b[3]", "parameter")), -1.0, running - 1.0),)
    table = Table(line(("z[1,3]", "value")), running - 1.0, heads, tuple(head), elided, tuple(tail), steps)
    title = line(("layer1.z", "value bold"), " = x ", ("@", "text bold"), " ", ("layer1.weight", "parameter bold"))
    return Card(title, "(4,8)", "[1,3]", (defined("z[i,j] = sum(x[i,k]·W[k,j] for k) + b[j]"),), table=table)


ONE = Contributions(1, 1)


def product(up: float, local: float | None, down: float, contributions: Contributions = ONE) -> Card:
    """A card with an equation."""
    note = Note((line(("0.5100", "value"), "·(1 - ", ("0.5100", "value"), ")"),))
    made = Equation(
        Operand("upstream", line(("∂L/∂a", "gradient")), up, Note((line("from layer2.z"), line("layer2.z")))),
        Operand("local", line("∂a/∂z"), local, note),
        Operand("downstream", line(("∂L/∂z", "gradient")), down, Note((line("to layer1.z"), line("layer1.z")))),
        contributions,
    )
    return Card(
        line(("a", "value"), " = sigmoid(z)"), "(1,2)", "[0,0]", (defined("a = 1/(1 + exp(-z))"),), equation=made
    )


def test_the_backward_moment_of_style_at_120() -> None:
    session = at("lesson-2-2-1", BACKWARD_A)
    rows = texts(operation.lines(Scene(session, 68, 18, RenderOptions(), derived(session, checked=True))))
    assert rows[1] == "  layer1.a = sigmoid(layer1.z)                (1,2)  element [0,0]"
    assert rows[3] == "  definition   a = 1/(1 + exp(-z))"
    assert rows[4].startswith("  local        ∂a/∂z = a·(1 - a)")
    assert "✓ proved by cancel" in rows[4]
    assert rows[6:13] == [
        "",
        "       upstream                local              downstream",
        "         ∂L/∂a        ×        ∂a/∂z        =        ∂L/∂z",
        "      -0.0987503      ×      0.2499000      =     -0.0246777",
        "     from layer2.z      0.5100·(1 - 0.5100)       to layer1.z",
        "                                                   1 of 1 in",
        "",
    ]
    assert rows[14].startswith("  check        ✓ forward         ")
    assert rows[15].startswith("               ✓ symbolic        ")


def test_the_backward_moment_of_style_at_80() -> None:
    session = at("lesson-2-2-1", BACKWARD_A)
    rows = texts(operation.lines(Scene(session, 37, 13, RenderOptions(), derived(session))))
    assert rows[:11] == [
        " layer1.a = sigmoid(layer1.z)  [0,0]",
        "",
        "     a = 1/(1 + exp(-z))",
        " ∂a/∂z = a·(1 - a)          ✓ proved",
        "",
        "",
        " upstream      local      downstream",
        "  ∂L/∂a    ×   ∂a/∂z    =   ∂L/∂z",
        " -0.09875  ×  0.24990   =  -0.02468",
        " layer2.z    at 0.5100    1 of 1 in",
        "",
    ]


def test_the_backward_moment_of_style_at_60() -> None:
    session = at("lesson-2-2-1", BACKWARD_A)
    rows = texts(operation.lines(Scene(session, 60, 16, RenderOptions(), derived(session))))
    assert rows[1] == "  layer1.a = sigmoid(layer1.z)                 (1,2) [0,0]"
    assert rows[9] == "    -0.0987503     ×     0.2499000     =    -0.0246777"


async def test_where_backward_begins_is_said_where_there_is_room_for_it() -> None:
    async with debug("xor", 80, 24) as screen:
        await screen.press("g")
        await screen.type("5")
        await screen.press("enter")
        assert "backward 1/5" in screen.rows[0]
        assert any("the backward pass starts here" in row for row in screen.rows)


def test_two_notes_side_by_side_do_not_read_as_one() -> None:
    session = at("resnet-block", 0)
    session.goto("backward block.a")
    session.select("block.a[0,0,0,0]")
    rows = texts(operation.lines(Scene(session, 37, 13, RenderOptions(), derived(session))))
    notes = next(row for row in rows if "1 of 1 in" in row)
    assert "from" not in notes
    assert "pool.a  " in notes


def test_a_forward_sum_term_by_term() -> None:
    session = at("lesson-2-2-1", 0, (0, 1))
    rows = texts(operation.lines(Scene(session, 68, 18, RenderOptions(), derived(session))))
    assert rows[6:12] == [
        "      k      x[0,k]         W[k,1]          product        sum",
        "      0      0.5000  ×     -0.0600   =      -0.0300    -0.0300",
        "      1      0.3000  ×      0.1000   =       0.0300     0",
        "                              b[1]   +       0          0",
        "                                          ───────────",
        "                            z[0,1]   =       0",
    ]


def test_the_columns_of_the_band_stand_where_the_pictures_have_them() -> None:
    """The numbers' first and last cells in the bands of 64, 58 and 37 cells."""
    for width, starts in ((64, (4, 27, 48)), (58, (3, 24, 43)), (37, (1, 14, 27))):
        row = plain(band.equation(product(-0.0987503, 0.2499, -0.0246777).equation, width).rows[2])
        assert tuple(row.index(text) for text in row.split() if len(text) > 1) == starts


def test_nothing_jumps_from_one_moment_to_the_next_of_the_same_kind() -> None:
    """The band of every equation of a step begins in the same row."""
    tops = set()
    for up in (1.0, -1e-9, 123456.0):
        rows = draw(product(up, 0.5, up / 2), 68, 18)
        tops.add(next(n for n, row in enumerate(rows) if any("on-band" in span.style for span in row)))
    assert len(tops) == 1


def test_a_long_sum_leaves_terms_out_in_the_middle_and_says_how_many() -> None:
    shown = texts(draw(sum_of(784, 776), 68, 18))
    gap = next(row for row in shown if "more" in row)
    listed = sum(1 for row in shown if "×" in row)
    assert f"⋯ {784 - listed} more" in gap
    assert any("z[1,3]" in row and "=" in row for row in shown)
    assert any("b[3]" in row and "+" in row for row in shown)


@pytest.mark.parametrize(("count", "elided"), [(1, 0), (8, 0), (9, 1), (300, 292)])
@pytest.mark.parametrize("room", range(4, 16))
def test_left_out_terms_are_counted_exactly(count: int, elided: int, room: int) -> None:
    table = sum_of(count, elided).table
    assert table is not None
    head, gone, tail = sums.elide(table, room)
    assert len(head) + gone + len(tail) == count
    assert len(head) + bool(gone) + len(tail) <= room


def test_a_contribution_that_is_not_all_is_marked() -> None:
    rows = draw(product(-1.5, 1.0, -1.5, Contributions(1, 2)), 60, 16)
    marked = [span for row in rows for span in row if span.text == "1 of 2 in"]
    assert marked
    assert "kink" in marked[0].style


def test_nan_is_reversed_and_an_unknown_local_is_a_dot() -> None:
    rows = draw(product(math.inf, 0.0, math.nan), 60, 16)
    bad = [span.text.strip() for row in rows for span in row if "fail" in span.style]
    assert bad == ["inf", "NaN"]
    assert "·" in texts(draw(product(1.0, None, 2.0), 60, 16))[8]


def test_a_failed_check_comes_first_and_tells_both_numbers() -> None:
    checks = (
        CheckRow("z", "affine", "x", "forward", "ok", note="equal to the definition"),
        CheckRow("z", "affine", "x", "symbolic", "FAIL", 0.3, 1e-6, (0, 1), 0.1, 0.4),
        CheckRow("z", "affine", "x", "difference", "skipped", note="no room"),
    )
    rows = texts(draw(Card(line("z = x"), "(1,2)", "[0,1]", (defined("y = x"),), checks=checks), 68, 18))
    listed = [row for row in rows if any(word in row for word in ("forward", "symbolic", "difference"))]
    assert listed[0] == "  check        FAIL symbolic     x[0,1]: got 0.1, expected 0.4"
    assert listed[2] == "               skipped difference  no room"


def test_of_several_inputs_the_worst_check_is_shown() -> None:
    checks = tuple(CheckRow("z", "mul", name, "difference", "ok", e, 1e-6) for name, e in (("a", 1e-9), ("b", 2e-7)))
    assert verdicts.summary(checks) == [(verdicts.MARKS["ok"], "difference", "2e-7, tolerance 1e-6", "ok")]


def test_an_update_is_written_out_on_the_band() -> None:
    session = at("lesson-2-2-1", 9)
    rows = operation.lines(Scene(session, 68, 18, RenderOptions(), derived(session)))
    banded = [plain(row).strip() for row in rows if any("on-band" in span.style for span in row)]
    assert "W' = 0.0200 - 0.5·(-0.01234) = 0.0262" in banded


def test_before_anything_is_derived_the_operation_itself_is_shown() -> None:
    session = at("xor", 0)
    rows = texts(operation.lines(Scene(session, 68, 18, RenderOptions())))
    assert rows[1].startswith("  layer1.z = x @ W + b")
    assert any("sum(" in row for row in rows)
    assert any("deriving" in row for row in rows)


def test_ascii_has_no_other_glyph() -> None:
    session = at("lesson-2-2-1", BACKWARD_A)
    for row in operation.lines(Scene(session, 68, 18, RenderOptions(unicode=False), derived(session))):
        assert plain(row).isascii()


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 160),
    st.integers(0, 40),
    NUMBERS,
    NUMBERS,
    st.sampled_from([Contributions(1, 1), Contributions(1, 12)]),
)
def test_any_size_and_any_number_of_an_equation(
    width: int, height: int, up: float, down: float, part: Contributions
) -> None:
    rows = draw(product(up, down, up, part), width, height)
    assert within(rows, width, height)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 160), st.integers(0, 40), st.sampled_from([sum_of(1), sum_of(5), sum_of(200, 192)]))
def test_any_size_of_a_sum(width: int, height: int, card: Card) -> None:
    assert within(draw(card, width, height), width, height)


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 160), st.integers(6, 40))
def test_a_result_is_never_cut(width: int, height: int) -> None:
    """Whatever is left out, the number itself stands there as a whole."""
    assert any(
        "-0.02468" in row or "-0.0246777" in row
        for row in texts(draw(product(-0.0987503, 0.2499, -0.0246777), width, max(height, 9)))
    )


@pytest.mark.parametrize("width", range(32, 58))
@pytest.mark.parametrize("name", ["layer1.hc4", "decoder.attention3", "z"])
def test_the_name_below_upstream_is_never_broken(name: str, width: int) -> None:
    """Longer than its column, it has a row of its own."""
    note = Note((line(f"from {name}"), line(name)))
    card = product(-0.5, 0.25, -0.125)
    assert card.equation is not None
    made = replace(card.equation, upstream=card.equation.upstream._replace(note=note))
    assert any(name in plain(row).split() for row in band.equation(made, width).rows)


WORDS = st.lists(st.sampled_from(["a·b", " + ", "exp(-z)", " - ", "verylongname", ", ", "/"]), min_size=1, max_size=30)


@pytest.mark.parametrize("width", range(12, 40))
def test_a_number_is_not_broken_at_its_comma(width: int) -> None:
    rows = wrap((Span("A stride of 1, 10, 100, 1,000 or 12,345,678; the one before"),), width)
    told = " ".join(plain(row) for row in rows)
    assert "1,000" in told
    assert "12,345,678" in told


@pytest.mark.parametrize("width", range(34, 60))
def test_one_of_several_equations_is_not_broken_at_its_sign(width: int) -> None:
    """Nor a formula inside of a sentence, which has blanks between its words."""
    rows = wrap((Span("t = d  where c[i,j] = cofactor(A[i,j]), d = det(A[i,j] for i for j)"),), width)
    assert any("d = det(" in plain(row) for row in rows)
    rows = wrap((Span("of the symmetric part (a + aᵀ)/2, so that the gradient is symmetric"),), width)
    assert "(a + aᵀ)/2," in plain(rows[0])


@settings(max_examples=80, deadline=None)
@given(WORDS, st.integers(1, 60), st.integers(0, 4))
def test_wrapping_loses_nothing(words: list[str], width: int, indent: int) -> None:
    whole: Line = tuple(Span(word, "value" if n % 2 else "text") for n, word in enumerate(words))
    rows = wrap(whole, width, indent)
    assert all(length(row) <= width for row in rows)
    joined = "".join(plain(row) for row in rows)
    assert joined.replace(" ", "") == plain(whole).replace(" ", "")


def test_the_seed_and_every_moment_of_a_formula() -> None:
    session = formula("p = a*b; q = p + a; L = q**2", {"a": 0.5, "b": -2.0})
    for stop in range(session.timeline.length):
        session.move(stop)
        for width, height in ((68, 18), (37, 13), (24, 6)):
            assert within(
                operation.lines(Scene(session, width, height, RenderOptions(), derived(session))), width, height
            )


def test_of_several_inputs_the_title_says_which() -> None:
    session = formula("L = sum(x * y)", {"x": [1.0, 2.0], "y": [3.0, 4.0]})
    session.goto("backward")
    session.step()
    session.step()
    assert session.node.name == "t1"
    assert plain(operation.title(Scene(session, 60, 1, RenderOptions()))[1]) == "by x 1/2 o ◀ backward"
    assert plain(operation.title(Scene(session, 37, 1, RenderOptions()))[1]) == "x 1/2 o ◀ backward"
    session.select_input(1)
    assert plain(operation.title(Scene(session, 37, 1, RenderOptions()))[1]) == "y 2/2 o ◀ backward"
    assert plain(operation.title(Scene(session, 30, 1, RenderOptions()))[1]) == "◀ backward"


def test_of_formulas_that_do_not_fit_the_last_is_kept_and_that_is_said() -> None:
    session = formula("h = maximum(x, b); L = sum(h*h)", {"x": [[0.5, 1.0], [2.0, 3.0]], "b": [0.5, 0.1]})
    session.goto("h")
    session.goto("backward")
    session.until("h")
    session.select_input(1)
    rows = texts(operation.lines(Scene(session, 37, 11, RenderOptions(), derived(session))))
    assert any(row.startswith(" ∂L/∂b[p] = Σ_i ∂L/∂h[i,p]") for row in rows)
    assert rows[-1].endswith("⋯ more (pgdn)")
    session.view.page = 1
    turned = texts(operation.lines(Scene(session, 37, 11, RenderOptions(), derived(session))))
    assert turned[0] == rows[0]
    assert "⋯ page 2 of " in turned[-1]


@pytest.mark.parametrize("size", [(37, 13), (37, 11), (60, 14), (66, 18)])
@pytest.mark.parametrize("place", ["layer2.z", "70%", "end"])
def test_the_band_has_straight_edges(size: tuple[int, int], place: str) -> None:
    """Also beside the word that there is more: blanks on its background are seen."""
    session = at("xor", 0)
    session.goto(place)
    ends = set()
    for row in operation.lines(Scene(session, *size, RenderOptions(), derived(session))):
        painted = [("on-band" in span.style, len(span.text)) for span in row]
        if any(band for band, _ in painted):
            ends.add(sum(cells for _, cells in painted[: max(n for n, (band, _) in enumerate(painted) if band) + 1]))
    assert len(ends) <= 1


def test_a_sum_among_factors_that_share_a_column_has_its_brackets() -> None:
    """Three factors have no room for three columns at 80x24."""
    session = formula(
        "l = soft_cross_entropy(logits, target, weight, reduction='none'); L = sum(l)",
        {"logits": [[0.5, -1.0, 2.0]], "target": [[0.2, 0.3, 0.5]], "weight": [1.0, 2.0, 0.5]},
    )
    shown = "".join(" ".join(texts(draw(derived(session), 37, 16))).split())
    assert "target[0,k]·(log(sum(exp(logits[0,u])foru))-logits[0,k])" in shown


async def test_the_arrows_reach_every_row_of_a_weight() -> None:
    """The card of a weight's gradient stayed in its row 0: up and down moved in rows of the output, which it sums."""
    async with debug("xor", 80, 24) as screen:
        await screen.run("goto backward layer1.z")
        await screen.run("select layer1.z[1,5]")
        await screen.derived()
        assert "[0,5]" in screen.rows[2] + screen.rows[3]
        await screen.press("down")
        assert "[1,5]" in screen.rows[2] + screen.rows[3]
        assert "x[i,1]" in screen.text
        await screen.press("right")
        assert "[1,6]" in screen.rows[2] + screen.rows[3]
        await screen.press("down", "up")
        assert "[0,6]" in screen.rows[2] + screen.rows[3]
        await screen.press("s")
        assert screen.session.node is screen.session.here
