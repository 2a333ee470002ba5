"""What is kept for good stays so, and what is made without collecting counts as old: in an interpreter of their own."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from bptui.model.base.collecting import keep_all, no_collecting
with no_collecting():
    made = [[] for _ in range(100_000)]
assert gc.isenabled()
assert gc.get_count()[0] < 10_000 and gc.get_freeze_count() == 0
keep_all()
kept = gc.get_freeze_count()
assert kept > 100_000
with no_collecting():
    more = [[] for _ in range(100_000)]
assert gc.isenabled()
assert kept - 1_000 < gc.get_freeze_count() <= kept
gc.disable()
with no_collecting():
    pass
assert not gc.isenabled()
"""


def test_what_is_kept_stays_kept_and_what_is_made_meanwhile_is_old() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
