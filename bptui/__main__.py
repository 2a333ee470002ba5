"""`python -m bptui`: the same as `bptui`."""

import sys

from bptui.cli import main

if __name__ == "__main__":
    sys.exit(main())
