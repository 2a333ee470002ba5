"""Operations of one's own: a definition becomes an ordinary row, derived by SymPy and run as planned NumPy calls.

operation  the row: reads the text, derives, plans forward and vjp
scan       names, ranks and settings of a definition
extent     output shape, and that nothing is read outside of a tensor
compile    expressions to calls, once per plan
fold, contract, gather  sums and maxima, products of tensors, elements by index
stable, workspace       forms that do not overflow, scratch memory
"""

from bptui.symbolic.custom.operation import make

__all__ = ["make"]
