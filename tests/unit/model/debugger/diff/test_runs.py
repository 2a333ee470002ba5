"""Two runs against each other: what is equal is equal, and the first thing that is not is found and explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.types import Array
from bptui.model.debugger.diff.runs import Run, Runs
from bptui.model.debugger.diff.tolerance import Tolerance
from bptui.model.debugger.diff.why import Why, why
from bptui.model.debugger.progress import Progress
from bptui.model.engine.recording import Recording
from bptui.model.engine.training import Training
from bptui.model.source.captured.network import network_of
from bptui.model.source.network import from_formula
from tests.unit.model.debugger.diff.recorded import Changed, captured, engine, record, unchanged


def compared(a: Recording, b: Recording, tolerance: float | None = None) -> Runs:
    runs = Runs(Run("a", a), Run("b", b), None if tolerance is None else Tolerance(tolerance, ""))
    runs.advance(Progress())
    assert runs.finished
    return runs


def first(runs: Runs) -> tuple[str, str, Why]:
    """Phase and name of the first row that is apart, and why."""
    assert runs.first is not None
    row = runs.rows[runs.first]
    return row.phase, row.module or row.function, why(runs, row)


@pytest.mark.parametrize("make", [engine, captured])
def test_a_run_and_itself_are_equal_in_everything(make: Any) -> None:
    runs = compared(make(), make(), 0.0)
    assert runs.first is None
    assert runs.count == 0
    assert {row.phase for row in runs.rows} == {"forward", "backward", "update"}
    assert all(runs.gap(i).relative == 0 for i in range(len(runs.rows)))  # type: ignore[union-attr]


def test_every_tensor_of_a_record_is_read_at_most_twice() -> None:
    a, b = captured(), captured()
    compared(a, b)
    assert max(a.record.reads.values()) <= 2  # type: ignore[attr-defined]  # a parameter: its value, and in its update


def test_another_setting_is_named_where_the_inputs_are_equal() -> None:
    phase, where, found = first(compared(captured(), captured(eps=1e-3)))
    assert (phase, where) == ("forward", "net.h")
    assert found.equal
    assert ("eps", "1e-5", "1e-3") in found.settings
    assert found.text == "same inputs, other result: so the operation itself differs"


def test_the_input_that_came_in_different_is_named() -> None:
    phase, where, found = first(compared(captured(), captured(seed=1)))
    assert (phase, where) == ("forward", "net.h")
    assert not found.equal
    assert [each.name for each in found.inputs] == ["input (3,5)"]


def test_a_parameter_that_differs_is_named() -> None:
    phase, where, found = first(compared(captured(), captured(change=lambda n, x: x * 1.01 if n in "Wz" else x)))
    assert (phase, where) == ("forward", "net.z")
    assert [each.name for each in found.inputs] == ["W"]


def test_another_call_has_no_partner() -> None:
    runs = compared(captured(), captured(activation="tanh"))
    phase, where, found = first(runs)
    assert (phase, where) == ("forward", "net.a")
    assert found.text == "the programs differ here: a calls relu, b tanh"


def test_a_wrong_gradient_is_found_at_the_call_that_gives_it() -> None:
    wrong = captured(change=lambda n, x: x * 0.5 if n == "grad z" else x)
    phase, where, found = first(compared(captured(), wrong))
    assert (phase, where) == ("backward", "net.a")
    assert found.equal
    assert found.text.startswith("same inputs")


def test_another_rate_is_found_in_the_update_and_named() -> None:
    phase, where, found = first(compared(captured(), captured(rate=0.11)))
    assert (phase, where) == ("update", "g")
    assert [setting[:1] for setting in found.settings] == [("lr",)]
    phase, where, found = first(compared(engine(), engine(rate=0.11)))
    assert (phase, where) == ("update", "g")
    assert [setting[:1] for setting in found.settings] == [("learning_rate",)]


def test_kinds_of_number_are_equal_within_the_coarser_one() -> None:
    runs = compared(captured(dtype="float32"), captured(dtype="float64"))
    assert runs.first is None
    assert runs.tolerance.value == 1e-5
    assert "float32" in runs.tolerance.source
    assert 0 < max(runs.gap(i).relative for i in range(len(runs.rows))) < 1e-6  # type: ignore[union-attr, type-var]


def test_a_capture_and_this_engine_are_paired_by_what_they_compute() -> None:
    taken = network_of(record(engine(), names={}), "step.bptui").recording
    runs = compared(taken, engine())
    assert runs.first is None
    assert {row.phase for row in runs.rows} == {"forward", "backward", "update"}
    phase, where, _ = first(compared(taken, engine(eps=1e-3)))
    assert (phase, where) == ("forward", "net.h")


@pytest.mark.parametrize("name", ["h", "z", "L", "grad z", "grad W", "grad k", "new W", "new k", "W", "x"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_same_nan_or_infinity_is_no_difference_wherever_it_is(name: str, value: float) -> None:
    def broken(each: str, x: Any) -> Any:
        return np.full_like(x, value) if each == name else x

    assert compared(captured(change=broken), captured(change=broken), 0.0).first is None
    one = compared(captured(), captured(change=broken))
    assert one.first is not None or name in ("W", "x")  # these are only read, and what reads them is not changed here


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_in_one_of_them_is_infinitely_far(value: float) -> None:
    def broken(name: str, x: Any) -> Any:
        return np.where(np.arange(x.size).reshape(x.shape) == 3, value, x).astype(x.dtype) if name == "z" else x

    runs = compared(captured(), captured(change=broken))
    assert runs.first is not None
    assert runs.gap(runs.first).relative == np.inf
    assert runs.gap(runs.first).at == (0, 3)  # type: ignore[union-attr]
    assert compared(captured(change=broken), captured(change=broken), 0.0).first is None


def test_a_parameter_that_only_one_updates_is_a_difference() -> None:
    frozen = record(engine())
    rows = frozen.step.updates[0].groups[0].rows
    rows.remove(next(row for row in rows if frozen.step.values[row.value].name == "V"))
    phase, where, found = first(compared(captured(), network_of(frozen, "b").recording))
    assert (phase, where) == ("update", "V")
    assert found.text == "V is not updated in b"


def test_where_numbers_were_not_kept_what_was_counted_of_them_is_compared() -> None:
    def counted(change: Changed = unchanged) -> Recording:
        return network_of(record(engine(), change=change).counted(), "b").recording

    for runs in (compared(captured(), counted()), compared(counted(), counted())):
        assert runs.first is None
        assert all(runs.gap(i).relative is None for i, row in enumerate(runs.rows) if row.phase == "update")
    runs = compared(captured(), counted(lambda n, x: 2 * x if n == "z" else x))
    phase, where, _ = first(runs)
    assert (phase, where) == ("forward", "net.z")
    runs = compared(counted(lambda n, x: x * np.float32(np.nan) if n == "z" else x), counted())
    assert runs.gap(runs.first).note == "12 NaN and 0 inf against 0 and 0"


def test_an_update_is_not_apart_where_its_gradient_explains_it() -> None:
    """A gradient that is nothing but rounding: a rule that divides by its size makes a whole step of it."""

    def noisy(sign: float) -> Changed:
        def change(name: str, x: Array) -> Array:
            if name not in ("grad k", "new k"):
                return x
            x = x.copy()
            x[0] = sign * 1e-9 if name == "grad k" else x[0] + sign * 0.1
            return x

        return change

    runs = compared(captured(change=noisy(1.0)), captured(change=noisy(-1.0)))
    assert runs.first is None
    other = captured(change=lambda n, x: noisy(-1.0 if n == "new k" else 1.0)(n, x))
    alone = compared(captured(change=noisy(1.0)), other)
    assert alone.first is not None


def test_runs_that_had_parted_before_the_step_are_told_so() -> None:
    changed = captured(change=lambda n, x: x * 1.01 if n in ("W", "z") else x)
    _, _, found = first(compared(captured(), changed))
    assert found.text == "its input W came in different: the runs parted in an earlier training step"


@given(st.sampled_from(["h", "z", "a", "u", "grad a", "grad z", "grad W"]), st.floats(1e-3, 0.5), st.randoms())
def test_whatever_number_is_moved_is_found_where_it_is(name: str, part: float, random: Any) -> None:
    def moved(each: str, x: Any) -> Any:
        if each == name:
            x = x.copy()
            x.flat[random.randrange(x.size)] += part * np.abs(x).max()
        return x

    runs = compared(captured(), captured(change=moved))
    apart = [runs.rows[i] for i in range(len(runs.rows)) if runs.apart(i)]
    phase = "backward" if name.startswith("grad") else "forward"
    at = {"grad a": "net.u", "grad z": "net.a", "grad W": "net.z"}.get(name, f"net.{name}")
    assert (apart[0].phase, apart[0].module) == (phase, at)
    assert runs.gap(runs.rows.index(apart[0])).relative == pytest.approx(part, rel=0.6)  # type: ignore[union-attr]


@given(st.integers(-16, 0), st.integers(-20, 20))
def test_a_tolerance_moves_by_powers_of_ten(power: int, by: int) -> None:
    moved = Tolerance(10.0**power, "").moved(by)
    assert moved.value in (0.0, *(float(f"1e{k}") for k in range(-16, 1)))
    assert (moved.value > 10.0**power) == (by > 0 and power < 0)


def test_of_several_calls_that_add_to_a_gradient_the_first_that_adds_something_else_is_named() -> None:
    """Two calls that bptui does not know read p, and what each adds to its gradient was recorded by itself."""
    source = "p = tanh(w)\nq = exp(p)\nr = sin(p)\nL = sum(q*r)"
    run = Training(from_formula(source, {"w": [0.1, 0.2, 0.3]}, ["w"])).recording(0)

    def taken(factor: float) -> Recording:
        made = record(run, names={"exp": "my_exp", "sin": "my_sin"})
        step = made.step
        events = {event.name.rpartition(".")[2]: event for event in step.events}
        p = events["my_exp"].inputs[0]
        parts = {name: run.contribution(run.id(node), 0) for name, node in (("my_exp", "q"), ("my_sin", "r"))}
        parts["my_exp"] = np.asarray(parts["my_exp"]) * factor
        backward = step.backwards[0]
        for name, part in parts.items():
            backward.parts[events[name].id, p] = [made.add(np.asarray(part, np.float32))]
        backward.grads[p] = made.add(np.asarray(parts["my_exp"] + parts["my_sin"], np.float32))
        return network_of(made, "step.bptui").recording

    phase, _, found = first(compared(taken(1.0), taken(1.5)))
    assert phase == "backward"
    assert found.equal
    assert found.text == "same inputs: net.q.my_exp is the first to add something else"
