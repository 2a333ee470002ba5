"""bptui: gdb for one training step, in a terminal: `bptui --help`.

    import bptui
    w = bptui.param([[0.5], [0.1]], name="w")
    loss = bptui.mse(bptui.sigmoid(bptui.data(X) @ w), y)
    bptui.debug(loss)          # opens the debugger here, as breakpoint() would
    bptui.check(loss).ok       # gradcheck with a reason

Every operation is a function under its name. Importing bptui imports neither NumPy nor SymPy nor Textual: names are
looked up when they are first used (see `bptui.python`).
"""

TYPE_CHECKING = False  # that of typing, whose import takes longer than all else before SIGINT has its handler
if TYPE_CHECKING:
    from typing import Any


def __getattr__(name: str) -> "Any":
    if name == "__version__":
        from importlib.metadata import version

        return version("bptui")
    if name.startswith("_"):
        raise AttributeError(f"module 'bptui' has no attribute '{name}'")
    from importlib import import_module
    from importlib.util import find_spec

    if find_spec(f"bptui.{name}") is not None:
        return import_module(f"bptui.{name}")
    return import_module("bptui.python").find(name)


def __dir__() -> list[str]:
    from importlib import import_module

    return [*globals(), *import_module("bptui.python").names()]
