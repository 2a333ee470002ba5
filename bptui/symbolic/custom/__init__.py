"""Operations of one's own: a definition becomes an ordinary row, derived by SymPy and run as a rule over stand-ins.

operation  the row: reads the text, derives, and has both formulas evaluated as a rule's functions
scan       names, ranks and settings of a definition
backward   the backward rule of an operation, as an operation
extent     output shape, and that nothing is read outside of a tensor
evaluate   a formula over stand-ins, which note the calls
values, contract, stable  arrays by index symbols, sums of products, forms that do not overflow
"""

from bptui.symbolic.custom.backward import backward_rule
from bptui.symbolic.custom.operation import make

__all__ = ["backward_rule", "make"]
