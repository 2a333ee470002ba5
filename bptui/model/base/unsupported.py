"""What later versions will have, and what to do instead today: told where someone tries it, so that nothing that is
written about bptui leads to a riddle. A row goes when its feature comes.
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_YET = "is not part of this version"
CAPTURE = "bptui capture, or bptui.torch.capture, records one training step of a PyTorch program; bptui run opens it"

PYTHON: Mapping[str, str] = {
    "torch": CAPTURE,
    "capture": CAPTURE,
    "explain": "bptui explain prints the derivation of a number of a network file; bptui.debug(loss) shows it",
    "run": "bptui.debug(loss) opens the debugger",
}
"""Names of the package."""

SAVE = (
    "in Python: safetensors.torch.save_file(model.state_dict(), 'model.safetensors'), "
    'then weights = "model.safetensors"'
)
KERAS = (
    "in Python: numpy.savez('model.npz', **{v.path: numpy.array(v) for v in model.weights}), "
    'then weights = "model.npz"'
)
WEIGHTS: Mapping[str, str] = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle"), SAVE),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), KERAS),
}
"""Files with weights that are never opened, since opening them can run a program, and how to write others."""

FILES: Mapping[str, str] = {
    **dict.fromkeys((".bptui", ".onnx"), CAPTURE),
    **WEIGHTS,
    ".safetensors": 'weights go into a network file: weights = "…" (docs/network-file.md)',
    ".py": "bptui convert prints its model as a network file, bptui capture takes a step of it as it is",
    ".ipynb": "bptui convert prints its model as a network file; bptui.check(loss) checks in it",
    **dict.fromkeys(
        (".csv", ".npz"), 'data goes into a network file: [data] file = "…", weights = "…" (docs/network-file.md)'
    ),
}
"""Files that one may want to open, by their suffix."""
