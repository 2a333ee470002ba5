"""An update that looks at the loss several times, in the debugger: each look can be stepped through, as a branch."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bptui
from bptui.cli import main
from bptui.model.base.errors import UserError
from bptui.model.base.numbers import significant
from bptui.model.debugger import saved
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.engine.masked import Masked
from bptui.model.engine.state import State
from bptui.model.source.network import from_mapping, load
from bptui.symbolic.card.moment import card, card_for
from bptui.symbolic.facts import Fact

XOR = load("xor")
assert XOR.document is not None
LBFGS = {"kind": "lbfgs", "max_iter": 4, "line_search_fn": "strong_wolfe"}
NETWORK = from_mapping({**XOR.document.content, "optimizer": LBFGS}, "xor")


@pytest.fixture
def session() -> Session:
    return Session(NETWORK)


def test_each_evaluation_is_a_pass_bit_for_bit(session: Session) -> None:
    run(session, "train 2")
    recording = session.recorded
    assert recording.search is not None
    seen = recording.search.evaluations
    assert len(seen) > 3
    for number, each in enumerate(seen[1:], 1):
        reply = run(session, f"evaluation {number}")
        assert reply.ok
        assert session.cursor == (2, "forward", 0)
        made = session.recorded
        assert made.loss == each.loss
        for node in made.graph.params:
            assert np.array_equal(made.value(node), recording.part(node.name, each.p))
            assert np.array_equal(made.grad(node), recording.part(node.name, each.g))
        run(session, "undo")
        assert session.recorded.memory == recording.memory


def test_one_goes_from_evaluation_to_evaluation(session: Session) -> None:
    """Those of the update that was looked at first, whichever branch one is in; each has one branch."""
    run(session, "train 1")
    recording = session.recorded
    assert recording.search is not None
    seen = recording.search.evaluations
    for number in (1, 3, 2, 1, 3):
        run(session, f"evaluation {number}")
        assert session.recorded.loss == seen[number].loss
        assert session.branch.parent is session.branches[0]
        run(session, "goto backward")
        assert run(session, "evaluation").text == f"evaluation 0, this pass, to {len(seen) - 1}"
    assert len(session.branches) == 4
    run(session, "evaluation 0")
    assert session.recorded.memory == recording.memory
    assert session.cursor == (1, "forward", 0)
    run(session, "evaluation 2")
    with pytest.raises(UserError, match="no evaluation 99"):
        run(session, "evaluation 99")
    assert session.recorded.loss == seen[2].loss
    run(session, "train 1")
    run(session, "evaluation 1")
    assert session.branch.parent is not session.branches[0]


def test_a_branch_of_an_evaluation_is_saved_and_restored(session: Session, tmp_path) -> None:
    run(session, "train 1")
    run(session, "evaluation 2")
    run(session, "goto loss")
    of = saved.fingerprint(NETWORK)
    saved.write(session, tmp_path / "a.json", of)
    other = Session(NETWORK)
    assert saved.restore(other, saved.read(tmp_path / "a.json", of)).ok
    assert other.cursor == session.cursor
    assert other.recorded.loss == session.recorded.loss


def test_what_is_no_evaluation_is_told(session: Session) -> None:
    for text in ("99", "x", "-1", "1.5", "2²"):
        with pytest.raises(UserError, match="there is no evaluation"):
            run(session, f"evaluation {text}")
    assert "evaluation 0, this pass, to" in run(session, "evaluation").text
    with pytest.raises(UserError, match="as it is"):
        run(session, "set evaluation = 0")
    plain = Session(XOR)
    assert not run(plain, "evaluation").ok
    with pytest.raises(UserError, match="has none"):
        run(plain, "evaluation 1")


def test_set_optimizer_and_its_settings(session: Session) -> None:
    plain = Session(XOR)
    run(plain, "train 1")
    assert run(plain, "set optimizer = lbfgs").ok
    assert plain.recorded.search is not None
    assert run(plain, "set line_search_fn = strong_wolfe").ok
    assert run(plain, "set max_iter = 3").ok
    assert len(plain.recorded.search.iterations) <= 3
    assert run(plain, "set optimizer = adam").ok
    assert plain.recorded.search is None
    with pytest.raises(UserError, match="does not clip"):
        run(session, "set clip_norm = 1")
    with pytest.raises(UserError, match="whole number"):
        run(session, "set max_iter = 2.5")


def test_stops_going_back_and_goto(session: Session) -> None:
    """The state at a Moment is the same by whatever way one comes to it."""
    memory = {}
    for step in range(4):
        run(session, f"goto step {step} update")
        memory[step] = session.recorded.memory
    for text, step in (("goto step 1 backward", 1), ("untrain 1", 0), ("train 3", 3), ("reverse-step 9", 2)):
        run(session, text)
        assert session.cursor.step == step
        assert session.recorded.memory == memory[step]
    run(session, "goto step 0 forward")
    run(session, "break if loss < 0.5")
    run(session, "continue")
    assert session.recording.loss < 0.5


def words(facts: tuple[Fact, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    label = ""
    for fact in facts:
        label = fact.label or label
        found[label] = found.get(label, "") + "".join(span.text for span in fact.text) + "\n"
    return found


def test_the_card_adds_up_and_says_how(session: Session) -> None:
    run(session, "train 1")
    run(session, "goto update layer1.weight")
    recording, search = session.recorded, session.recorded.search
    assert search is not None
    made = card_for(session)
    table = made.table
    assert table is not None
    assert len(table.head) + len(table.tail) + table.elided == len(search.iterations)
    element = session.element_of(session.node)
    assert table.total == recording.after(session.node)[element]
    moved = sum(term.product for term in (*table.head, *table.tail))
    assert recording.before(session.node)[element] + moved == pytest.approx(table.total, rel=1e-12)
    told = words(made.facts)
    assert f"{len(search.evaluations)} evaluations" in told["opaque"]
    assert told["directions"].startswith("1: -H·g by")
    assert told["evaluations"].count("loss") == len(search.evaluations)
    assert "n_iter" in told["carried"]


def test_what_is_asked_is_not_told(session: Session) -> None:
    """Where a number is kept back, so is all that the update tells of its search: it gives the number away."""
    run(session, "goto update layer1.weight")
    recording, node = session.recorded, session.node
    hidden = Masked(recording, {(node.id, "update"): {None}})
    made = card(State(hidden, session.cursor), node, (0, 0))
    told = made.title + tuple(span for fact in (*made.rules, *made.facts) for span in fact.text)
    text = "".join(span.text for span in told)
    assert made.table is None
    assert recording.search is not None
    for each in recording.search.evaluations:
        assert significant(each.loss) not in text
    assert text


def test_trace_tells_all_of_it(tmp_path, capsys) -> None:
    file = tmp_path / "net.json"
    file.write_text(json.dumps(dict(NETWORK.document.content)))  # type: ignore[union-attr]
    assert main(["trace", str(file), "--steps", "2", "--at", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["step"]
    search = found["search"]
    assert search["evaluations"][0]["loss"] == found["values"]["loss"]
    assert {"t", "H_diag", "prev_loss", "n_iter", "func_evals", "old_dirs", "old_stps"} == set(
        search["carried"]["after"]
    )
    assert len(search["carried"]["before"]["old_dirs"]) < len(search["carried"]["after"]["old_dirs"])
    assert set(found["updates"]["layer1.weight"]["states"]) == {"d", "prev_grad"}


def test_from_python() -> None:
    w, x = bptui.param([[0.5], [0.1]], name="w"), bptui.data([[1.0, 2.0], [0.5, -1.0], [2.0, 1.0]])
    loss = bptui.mse(x @ w, bptui.data([[1.0], [0.0], [2.0]]))
    made = bptui.network(loss, optimizer="lbfgs", max_iter=3)
    assert (made.optimizer.learning_rate, made.optimizer.max_iter) == (1.0, 3)
    assert bptui.check(loss).ok
    with pytest.raises(UserError, match="strong_wolfe"):
        bptui.network(loss, optimizer="lbfgs", line_search_fn="armijo")
