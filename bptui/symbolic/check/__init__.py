"""The check: does the engine compute what the definition says, and pass on what its derivative says?"""

from bptui.symbolic.check.step import check_node, check_step, check_update, report_json

__all__ = ["check_node", "check_step", "check_update", "report_json"]
