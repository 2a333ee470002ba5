"""wip"""

from bptui.model.base.spans import Line
from bptui.screens.scene import Scene


def lines(scene: Scene) -> list[Line]:
    """wip"""
    return []
