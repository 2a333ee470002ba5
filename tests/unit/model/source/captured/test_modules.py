"""The tree of a captured step: its rows, and which of them a Moment stands in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bptui.model.source.captured.graph import captured
from bptui.model.source.captured.modules import Modules, Row
from bptui.model.source.captured.record import Module, Record
from tests.records import LINEAR, RELU, MadeRecord, V, blocks, two_layers


def tree(record: Record) -> Modules:
    return Modules(captured(record))


def every(modules: Modules, row: Row) -> Iterator[Row]:
    """A row and all that stand in it."""
    yield row
    for each in modules.rows(row):
        yield from every(modules, each)


def outline(modules: Modules, row: Row) -> list[str]:
    return [f"{'  ' * each.depth}{each.label} {each.said}".rstrip() for each in every(modules, row)]


def test_modules_hold_lines_and_lines_hold_calls() -> None:
    modules = tree(blocks())
    assert outline(modules, modules.sections[0]) == [
        "forward",
        "  embed linear",
        "  blocks.0",
        "    up linear",
        "    relu",
        "    down linear",
        "    +",
        "  blocks.1",
        "    up linear",
        "    relu",
        "    down linear",
        "    +",
        "  head linear",
        "  mse_loss loss",
    ]


def test_the_backward_pass_has_the_same_rows_from_the_loss_on() -> None:
    modules = tree(blocks())
    backward = [row.label for row in modules.rows(modules.sections[1])]
    assert backward == ["mse_loss", "head", "blocks.1", "blocks.0", "embed"]


def test_calls_of_one_line_are_one_row_however_often_it_is_reached() -> None:
    made = MadeRecord()
    x, w = V(made.given([[1.0, 2.0]])), V(made.given([[1.0, 0.5], [0.5, 1.0]], "w", wants_grad=True))
    h = x
    for _ in range(3):
        h = V(made.call(LINEAR, [h, w], made.arrays[h] @ made.arrays[w].T, line=5))
        h = V(made.call(RELU, [h], np_relu(made.arrays[h]), line=5))
    h = V(made.call("torch.Tensor.sum", [h], made.arrays[h].sum(), line=6))
    made.backward(h, {w: made.arrays[w]})
    modules = tree(made)
    first, last = modules.rows(modules.sections[0])
    assert (first.label, first.kind, first.opens) == ("linear, relu", "line", True)
    assert [row.label for row in modules.rows(first)] == ["linear", "relu"] * 3
    assert (last.label, last.said, last.opens) == ("sum", "loss", False)


def np_relu(x):  # type: ignore[no-untyped-def]
    return x * (x > 0)


def test_a_list_of_modules_is_never_called_and_is_no_row_but_a_table_of_them_is() -> None:
    made = blocks()
    modules = tree(made)
    assert [row.label for row in modules.rows(modules.sections[0])] == [
        "embed", "blocks.0", "blocks.1", "head", "mse_loss",
    ]  # fmt: skip
    made.step.modules["blocks"] = Module("Sequential", True)
    modules = tree(made)
    sequential = modules.rows(modules.sections[0])[1]
    assert sequential.label == "blocks"
    assert [row.label for row in modules.rows(sequential)] == ["0", "1"]


@pytest.mark.parametrize("made", [blocks(), blocks(born=True), two_layers()], ids=["blocks", "NaN", "two layers"])
def test_every_moment_stands_in_one_row_and_rows_count_their_moments(made: MadeRecord) -> None:
    modules = tree(made)
    timeline = modules.captured.timeline
    counted: dict[str, int] = {}
    for phase, node, seed in timeline.events:
        row = modules.at(phase, node)
        assert row.kind in ("call", "parameter", "module")
        assert not row.opens
        for each in row.chain:
            counted[each.key] = counted.get(each.key, 0) + (not seed or each.kind == "section")
    for section in modules.sections:
        assert modules.count(section) == timeline.count(section.phase)
        for row in every(modules, section):
            assert modules.count(row) == counted[row.key], row


def test_keys_are_of_one_row_and_find_it() -> None:
    modules = tree(blocks())
    rows = [row for section in modules.sections for row in every(modules, section)]
    assert len({row.key for row in rows}) == len(rows)
    assert all(modules.find(row.key) is row for row in rows)
    assert modules.find("forward nowhere") is None


def test_sizes_are_those_that_were_counted() -> None:
    made = blocks(born=True)
    modules = tree(made)
    rows = {row.key: row for section in modules.sections for row in every(modules, section)}
    log = next(row for row in rows.values() if row.label == "log" and row.phase == "forward")
    numbers = modules.numbers(log)
    assert numbers.shape == (4, 5)
    assert numbers.stats is not None
    assert numbers.stats.nan > 0
    head = modules.numbers(rows["forward head"])
    assert head.stats == made.step.values[rows["forward head"].events[0].outs[0]].stats
    assert modules.numbers(rows["forward"]).bad == 3  # log, head, loss
    assert modules.numbers(rows["update"]).bad == len(made.step.parameters)


def test_of_two_optimizers_each_has_its_parameters() -> None:
    made = blocks()
    first, second = made.step.parameters["embed.weight"], made.step.parameters["head.weight"]
    options = {"lr": 0.1}
    made.step.updates.clear()
    for value in (first, second):
        grad = made.arrays[made.step.backwards[0].grads[value]]
        made.update("torch.optim.sgd.SGD", options, {value: (grad, made.arrays[value] - np_scaled(grad))})
    modules = tree(made)
    update = modules.sections[-1]
    assert [(row.label, row.kind) for row in modules.rows(update)] == [("sgd", "optimizer")] * 2
    assert [row.label for each in modules.rows(update) for row in modules.rows(each)] == ["embed.weight", "head.weight"]


def np_scaled(x):  # type: ignore[no-untyped-def]
    return (x * 0.1).astype(x.dtype)
