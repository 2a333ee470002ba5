"""The pictures of the README, made from the real app: `python -m tests.pictures` writes docs/pictures/*.svg."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .screens.rig import debug

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
PICTURES = {
    # name: target, columns, rows, keys
    "debugger": ("lesson-2-2-1", 120, 36, "sssssss"),
    "sum": ("xor", 120, 36, ["3", "down", "right", "right", "right"]),
    "neurons": ("lesson-2-2-1", 80, 24, "sssssssvv"),
}


async def take(name: str) -> None:
    """One picture, once everything on it is derived and checked."""
    target, columns, rows, keys = PICTURES[name]
    async with debug(target, columns, rows) as screen:
        await screen.press(*keys)
        await screen.derived()
        (FOLDER / f"{name}.svg").write_text(screen.app.export_screenshot(title=f"bptui run {target}"), encoding="utf-8")


def main() -> None:
    """All of them."""
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        asyncio.run(take(name))


if __name__ == "__main__":
    main()
