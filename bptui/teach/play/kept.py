"""The network that was played last, one file in the folder of the state: home shows its map, `bptui play --again` goes
on with it.

    {"format": 1, "title": "circle", "step": 240, "where": "play", "folder": "", "network": {the table of its file},
     "settings": ["stride 10", …], "map": {"size": 60, "output": base64, "levels": [0.5, 0.5, false, false]}}

The map is the answer over the plane as the engine computed it there, float64 in base64, so that it is drawn again
without the network's data, which may have gone. What is damaged is no map, and nothing is said of it. Imports no NumPy
until the network is made: home reads this before its first frame.
"""

from __future__ import annotations

import math
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bptui.model.base import documents, files, folders
from bptui.model.base.errors import UserError
from bptui.model.base.printable import json_text, one_line

if TYPE_CHECKING:
    from bptui.teach.play.setup import Setup

FORMAT, MAX_BYTES, MAX_TEXT, MAX_STEP = 1, 2**20, 4_000, 10**7
"""A network whose file would be larger than MAX_BYTES, because it holds many points itself, is not kept."""
MAX_SIZE, NUMBER = 60, 8
"""Numbers of the map along each axis, and bytes of one."""
MAX_SETTINGS = 8


@dataclass(frozen=True)
class Kept:
    """title  what was played with, in a word
    step    the training step that is gone back to; 0 after a change during training, which no network file says
    where, folder, network  its Document; `folder` is "" for none
    settings  lines of the playground that set what is its own
    size, output  the answer over the plane: (size, size) float64, row after row from the top
    levels  of its map: the number in the middle, how far the levels reach, whether they are one ramp, whether only two
    """

    title: str
    step: int
    where: str
    folder: str
    network: Mapping[str, Any]
    settings: tuple[str, ...]
    size: int
    output: bytes
    levels: tuple[float, float, bool, bool]

    def setup(self) -> Setup:
        """What is played with; a UserError where it cannot be any more, because its data have gone."""
        from bptui.model.source.network import from_mapping
        from bptui.teach.play.settings import said
        from bptui.teach.play.setup import shown

        made = shown(from_mapping(self.network, self.where, Path(self.folder) if self.folder else None))
        for text in self.settings:
            _, made = said(made, text)
        return made


def keep(made: Kept) -> None:
    """Keep it in the place of what was kept before. Where it cannot be, nothing is kept: another is not the last."""
    path = _path()
    if path is None:
        return
    drawn = {"size": made.size, "output": b64encode(made.output).decode(), "levels": made.levels}
    row = {
        "format": FORMAT, "title": made.title, "step": made.step, "where": made.where, "folder": made.folder,
        "network": made.network, "settings": made.settings, "map": drawn,
    }  # fmt: skip
    with suppress(OSError):
        path.unlink(missing_ok=True)
        with suppress(TypeError, ValueError):  # something in the network's table that JSON has not
            text = json_text(row) + "\n"
            if len(text) <= MAX_BYTES:
                files.replace(path, text)


def last() -> Kept | None:
    """What was kept; None where nothing was, and where it is not what bptui writes."""
    path = _path()
    if path is None or not os.path.isfile(path):
        return None
    with suppress(UserError, ValueError, TypeError, KeyError, OverflowError):
        return _read(documents.from_json(files.read_text(path, "played", MAX_BYTES), "played"))
    return None


def _read(found: Any) -> Kept:
    """What a file of format 1 says; ValueError, TypeError or KeyError for what is none."""
    drawn = found["map"]
    size, output, (middle, reach, *kinds) = drawn["size"], b64decode(drawn["output"], validate=True), drawn["levels"]
    settings, texts = found["settings"], [found[key] for key in ("title", "where", "folder")]
    right = (
        found["format"] == FORMAT
        and isinstance(found["network"], dict)
        and isinstance(settings, list) and len(settings) <= MAX_SETTINGS
        and all(isinstance(text, str) and len(text) <= MAX_TEXT for text in (*texts, *settings))
        and type(found["step"]) is int and 0 <= found["step"] <= MAX_STEP
        and type(size) is int and 1 <= size <= MAX_SIZE and len(output) == NUMBER * size * size
        and math.isfinite(middle) and math.isfinite(reach)
        and reach > 0 and [type(kind) for kind in kinds] == [bool, bool]
    )  # fmt: skip
    if not right:
        raise ValueError("it is not what bptui writes")
    title, where, folder = texts
    levels = float(middle), float(reach), kinds[0], kinds[1]
    made = one_line(title, 40), found["step"], where, folder, found["network"], tuple(settings)
    return Kept(*made, size, output, levels)


def _path() -> Path | None:
    folder = folders.state_folder()
    return None if folder is None else folder / "played.json"
