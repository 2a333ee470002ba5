"""The worker: nobody waits for it, it survives what goes wrong in it, and it ends."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading

import numpy as np
import pytest

from bptui.model.engine import ops
from bptui.symbolic import service as module
from bptui.symbolic.service import LATER, SOON, Service
from bptui.symbolic.types import Failure, Rule

from .steps import step_of

SIGMOID = ops.OPS["sigmoid"]
SIGNATURE = SIGMOID.signature([(3, 4)], {})


@pytest.fixture
def service():
    made = Service(budget=20.0)
    yield made
    made.close()


def test_peek_request_ready(service):
    heard = []
    service.listen(lambda key: heard.append(threading.current_thread().name))
    assert service.peek(SIGMOID, SIGNATURE, "x") is None
    service.request(SIGMOID, SIGNATURE, "x")
    assert service.wait(20)
    found = service.peek(SIGMOID, SIGNATURE, "x")
    assert isinstance(found, Rule)
    assert found.proof.proved
    assert heard == ["bptui-symbolic"]
    service.request(SIGMOID, SIGNATURE, "x")
    assert service.wait(20)
    assert len(heard) == 1


def test_sizes_do_not_matter(service):
    service.request(SIGMOID, SIGNATURE, "x")
    assert service.wait(20)
    assert service.peek(SIGMOID, SIGMOID.signature([(784, 128)], {}), "x") is not None


def test_the_same_name_with_another_definition_is_another_derivation(service):
    other = dataclasses.replace(SIGMOID, definition="y = 2*x", hint=None)
    service.request(SIGMOID, SIGNATURE, "x")
    assert service.wait(20)
    assert service.peek(other, SIGNATURE, "x") is None


def test_the_visible_comes_first(service):
    order, gate = [], threading.Event()
    service.request_checks("gate", lambda: gate.wait(20) and ())
    for name, priority in (("later", LATER), ("soon", SOON)):
        service.request_checks(name, lambda name=name: order.append(name) or (), priority)
    service.request_checks("later still", lambda: order.append("moved") or (), LATER)
    service.request_checks("later still", lambda: order.append("moved") or (), SOON)
    gate.set()
    assert service.wait(20)
    assert order == ["soon", "moved", "later"]


def test_the_budget_ends_what_takes_too_long_and_the_worker_goes_on(monkeypatch):
    service = Service(budget=0.05)

    def endless(*_):
        while True:
            sum(range(100))

    monkeypatch.setattr(module, "_derive", endless)
    service.request(SIGMOID, SIGNATURE, "x")
    assert service.wait(20)
    found = service.peek(SIGMOID, SIGNATURE, "x")
    assert isinstance(found, Failure)
    assert "took longer than 0.05 s" in found.reason
    monkeypatch.undo()
    tanh = ops.OPS["tanh"]
    service.budget = 20
    service.request(tanh, tanh.signature([(3,)], {}), "x")
    assert service.wait(20)
    assert isinstance(service.peek(tanh, tanh.signature([(3,)], {}), "x"), Rule)
    service.close()


def test_a_defect_in_one_derivation_does_not_end_the_others(service, monkeypatch):
    def broken(*_):
        raise AttributeError("no such thing")

    monkeypatch.setattr(module, "_derive", broken)
    service.request(SIGMOID, SIGNATURE, "x")
    assert service.wait(20)
    assert service.peek(SIGMOID, SIGNATURE, "x") == Failure("AttributeError: no such thing")
    monkeypatch.undo()
    service.request_checks("after", lambda: ())
    assert service.wait(20)
    assert service.peek_checks("after") == ()


def test_a_definition_that_is_not_understood_is_a_clear_line(service):
    wrong = dataclasses.replace(SIGMOID, definition="y = frobnicate(x)", hint=None)
    service.request(wrong, SIGNATURE, "x")
    assert service.wait(20)
    found = service.peek(wrong, SIGNATURE, "x")
    assert isinstance(found, Failure)
    assert "frobnicate" in found.reason


def test_a_listener_that_is_gone_does_not_end_it(service):
    heard = []

    def gone(key):
        raise RuntimeError("the screen is closed")

    service.listen(gone)
    service.listen(heard.append)
    service.request_checks("one", lambda: ())
    assert service.wait(20)
    service.request_checks("two", lambda: ())
    assert service.wait(20)
    assert heard[0] == ("check", "one")


def test_only_so_many_checks_are_kept(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)
    service = Service()
    for n in range(8):
        service.request_checks(n, lambda: ())
    assert service.wait(20)
    assert [service.peek_checks(n) for n in range(8)].count(()) == 3
    assert service.peek_checks(7) == ()
    service.close()


def test_close_ends_what_runs():
    service = Service(check_budget=60)
    started = threading.Event()

    def endless():
        started.set()
        while True:
            sum(range(100))

    service.request_checks("endless", endless)
    assert started.wait(20)
    service.close()
    service._thread.join(20)
    assert not service._thread.is_alive()
    service.request_checks("too late", lambda: ())
    assert service.peek_checks("too late") is None


def test_who_asks_does_not_derive(service, monkeypatch):
    recording, node = step_of(SIGMOID, (np.ones((2, 3)),))
    derived, right = [], module._derive

    def watched(*asked):
        derived.append(threading.current_thread())
        return right(*asked)

    monkeypatch.setattr(module, "_derive", watched)
    assert service.rule(recording.graph, node, 0) is None
    assert service.wait(20)
    assert [thread.name for thread in derived] == ["bptui-symbolic"]


def test_nothing_is_imported_before_it_is_needed():
    code = "import sys, bptui.symbolic.service as s; s.Service(); assert 'sympy' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stderr == ""


def test_a_profiler_still_works_after_a_derivation():
    """CPython 3.11 hangs in traced code after an asynchronous exception that was taken back: none may be."""
    code = """
import sys
from bptui.model.engine import ops
from bptui.symbolic.service import Service
op = ops.OPS["sigmoid"]
service = Service()
service.request(op, op.signature([(3, 4)], {}), "x")
assert service.wait(60)
def called(): return "still here"
sys.setprofile(lambda *_: None)
print(called())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "still here\n", done.stderr
