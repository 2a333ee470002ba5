"""What all tests share: `--full`, and an environment in which nothing of the machine's own settings matters.

The large corpora (`@pytest.mark.corpus`: a test for each use of each operation, network or fault) are sampled unless
`--full` is given: of each row of the registry, which is the first word of a test's id (numbers are of one row), at
least one use, and one in `every` (default 8); where a use takes long, of one row in `rows`. Which ones depends on the
test's name, so that tests of the same uses take different ones.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

from bptui.model.base.collecting import keep_all

# The same examples everywhere: a change is judged by what it changes, not by the draw of the day.
# (It would draw numbers that stand in the source of what is imported, too: of other modules in each worker.)
providers.is_local_module_file = lambda path: False
settings.register_profile("bptui", derandomize=True, deadline=None, database=None)
settings.load_profile("bptui")

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
"""The tests start two hundred programs: each would compile bptui anew, and pytest its assertions in each worker."""
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # there is a worker for each processor already
    os.environ.setdefault(_name, "1")

OURS = (
    "NO_COLOR", "FORCE_COLOR", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM", "TMUX", "BPTUI_DIFF", "COLUMNS", "LINES",
    "PYTHONWARNINGS", "PYTHONIOENCODING", "BPTUI_CONFIG", "BPTUI_STATE",
)  # fmt: skip
"""Variables that change what bptui, Textual or Python print; tests that want one set it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one option."""
    parser.addoption("--full", action="store_true", help="the large corpora whole (by default they are sampled)")


def pytest_configure(config: pytest.Config) -> None:
    """The one marker; and ctrl+c as at a terminal, which a shell takes from what it runs in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "corpus(every=8, rows=1): a large corpus, of which `--full` runs all")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Collect without the garbage collector. What is there then (tests, modules of PyTorch and SymPy) stays for good,
    and is left out of each later search, of which one took over a second; at the rest it looks as seldom as the app."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        keep_all()
        gc.set_threshold(3_000, 20, 50)
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """pytest has looked once for what fails when it is thrown away, and would again; then the interpreter does."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Iterator[None]:
    """Leave of each corpus what is to be run, before two thirds of all tests are made in each worker and thrown away;
    a test that is asked for by its id always runs."""
    yield
    config, test = metafunc.config, metafunc.definition
    if config.getoption("--full") or any("::" in arg and "[" in arg for arg in config.args):
        return
    rows: dict[str, list[Any]] = defaultdict(list)
    for use in metafunc._calls:
        if any(mark.name == "corpus" for mark in (*use.marks, *test.iter_markers())):
            rows[re.match(r"(?!\d)\w*|", use.id)[0]].append(use)  # type: ignore[index]
    left_out: set[str] = set()
    for row, uses in rows.items():
        marker = test.get_closest_marker("corpus")
        options = marker.kwargs if marker else {}
        every = min(options.get("every", 8), len(uses))
        drawn = zlib.crc32(f"{test.nodeid} {row}".encode())
        chosen = drawn // every % options.get("rows", 1) == 0
        left_out.update(use.id for at, use in enumerate(uses) if not chosen or at % every != drawn % every)
    metafunc._calls[:] = [use for use in metafunc._calls if use.id not in left_out] or metafunc._calls[:1]


def pytest_itemcollected(item: pytest.Item) -> None:
    """What draws its uses itself is a corpus, too: `--full -m corpus` runs all of it."""
    if "full" in getattr(item, "fixturenames", ()) and item.get_closest_marker("corpus") is None:
        item.add_marker(pytest.mark.corpus(every=1))


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Is the whole corpus asked for? For tests that draw their uses themselves."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal like most, 24 bits of colour, no wish against them, whatever the machine calls its own."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
