"""`python -m benchmarks [engine] [modern] [own] [check] [debugger] [terminal] [--quick]`: the numbers of bptui, most as ratios.

Peers that are not installed are skipped with a word. Run it on a quiet machine; quote the ratios, not the times.
"""

from __future__ import annotations

import os

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # one BLAS thread, for all peers alike; read when NumPy is imported

import argparse  # noqa: E402
import importlib  # noqa: E402

PAGES = ("engine", "modern", "own", "check", "debugger", "terminal")


def main() -> None:
    """Print the table of each page asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", choices=[*PAGES, []], default=list(PAGES))
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    asked = parser.parse_args()
    for page in asked.pages:
        print(f"\n{page}")
        for label, figure in importlib.import_module(f"benchmarks.{page}").table(asked.quick):
            print(f"  {label:<62} {figure}")


if __name__ == "__main__":
    main()
