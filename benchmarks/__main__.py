"""`python -m benchmarks [PAGE …] [--quick]`: the numbers of bptui, most as ratios.

The pages: engine, modern, shapes, elementwise, own, check, debugger, terminal, play, captured, capture, diff.

Peers that are not installed are skipped with a word. Run it on a quiet machine; quote the ratios, not the times.
"""

from __future__ import annotations

import os

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # one BLAS thread, for all peers alike; read when NumPy is imported

import argparse  # noqa: E402
import importlib  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402

PAGES = (
    "engine",
    "modern",
    "shapes",
    "elementwise",
    "own",
    "check",
    "debugger",
    "terminal",
    "play",
    "captured",
    "capture",
    "diff",
)


def main() -> None:
    """Print the table of each page asked for. Each has a process of its own: the terminal cannot be forked from one in
    which JAX has started its threads."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"of {', '.join(PAGES)}; all, where none is given")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    asked = parser.parse_args()
    if unknown := [page for page in asked.pages if page not in PAGES]:
        parser.error(f"there is no page {unknown[0]!r}; there are {', '.join(PAGES)}")
    if len(asked.pages) == 1:
        print(f"\n{asked.pages[0]}", flush=True)
        for label, figure in importlib.import_module(f"benchmarks.{asked.pages[0]}").table(asked.quick):
            print(f"  {label:<62} {figure}", flush=True)
        return
    quick = ["--quick"] * asked.quick
    failed = [
        page
        for page in asked.pages or PAGES
        if subprocess.run([sys.executable, "-m", "benchmarks", page, *quick], check=False).returncode
    ]
    if failed:
        parser.exit(1, f"failed: {', '.join(failed)}\n")


if __name__ == "__main__":
    main()
