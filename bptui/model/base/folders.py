"""Where bptui keeps what outlives it: a user's configuration, and the state that bptui writes itself.

Both lie where the platform has such things (platformdirs), or where BPTUI_CONFIG (a file) and BPTUI_STATE (a folder)
say; set to nothing, nothing is read or kept. So it is in a test suite that says nothing: what drives bptui there is no
user, and the next test is not to find what the one before left.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def config_file() -> Path | None:
    """The configuration, which need not be there; None where none is wanted."""
    given = _given("BPTUI_CONFIG")
    if given is not None:
        return Path(given) if given else None
    from platformdirs import user_config_path

    with suppress(RuntimeError, OSError):  # a user without a home
        return user_config_path("bptui") / "config.toml"
    return None


def state_folder() -> Path | None:
    """The folder of the state, which need not be there; None where nothing is to be kept."""
    given = _given("BPTUI_STATE")
    if given is not None:
        return Path(given) if given else None
    from platformdirs import user_state_path

    with suppress(RuntimeError, OSError):
        return user_state_path("bptui")
    return None


def _given(name: str) -> str | None:
    return os.environ.get(name, "" if "PYTEST_CURRENT_TEST" in os.environ else None)
