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

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

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
    """Collect without the garbage collector, which looks once at what is there for good (tests, modules of PyTorch and
    SymPy), and at the rest as seldom as in the app: it was a tenth of all the time. (`gc.freeze` would leave it out
    altogether, but the app asks how much is frozen, and then all of that is counted.)"""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.set_threshold(3_000, 20, 50)
        gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    """What draws its uses itself is a corpus, too: `--full -m corpus` runs all of it."""
    if "full" in getattr(item, "fixturenames", ()) and item.get_closest_marker("corpus") is None:
        item.add_marker(pytest.mark.corpus(every=1))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave of each corpus what is to be run; a test that is asked for by its id always runs."""
    if config.getoption("--full") or any("::" in arg and "[" in arg for arg in config.args):
        return
    rows: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("corpus") is not None:
            test, _, use = item.nodeid.partition("[")
            rows[test, re.match(r"(?!\d)\w*|", use)[0]].append(item)  # type: ignore[index]
    left_out: set[pytest.Item] = set()
    for (test, row), members in rows.items():
        marker = members[0].get_closest_marker("corpus")
        assert marker is not None
        every = min(marker.kwargs.get("every", 8), len(members))
        drawn = zlib.crc32(f"{test} {row}".encode())
        chosen = drawn // every % marker.kwargs.get("rows", 1) == 0
        left_out.update(item for at, item in enumerate(members) if not chosen or at % every != drawn % every)
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


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
