"""What later versions will have, and what to do instead today: told where someone tries it, so that nothing that is
written about bptui leads to a riddle. A row goes when its feature comes.
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_YET = "is not part of this version"
CAPTURE = (
    "write the step as a network file or with bptui.param and bptui.data; bptui check --torch compares with PyTorch"
)

PYTHON: Mapping[str, str] = {
    "torch": CAPTURE,
    "capture": CAPTURE,
    "explain": "bptui explain prints the derivation of a number of a network file; bptui.debug(loss) shows it",
    "run": "bptui.debug(loss) opens the debugger",
}
"""Names of the package."""

FILES: Mapping[str, str] = {
    **dict.fromkeys((".bptui", ".pt", ".pth", ".safetensors", ".onnx", ".ckpt", ".h5", ".keras"), CAPTURE),
    ".py": "import bptui in it, and open the debugger there with bptui.debug(loss)",
    ".ipynb": "import bptui in it, and check there with bptui.check(loss)",
    **dict.fromkeys((".csv", ".npz"), 'data goes into a network file: [data] file = "…" (docs/network-file.md)'),
}
"""Files that one may want to open, by their suffix."""
