"""Linear equations and determinants: inv, solve, solve_triangular, det, logdet, slogdet, cholesky.

What they give is defined by an equation (docs/definitions.md, "Matrices"), the rule follows from its derivative. The
last two axes are matrices, those before are batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine import matrices
from bptui.model.engine.as_operation import operation
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, flag, letters
from bptui.model.engine.ops.rearrange import lower, upper
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

SINGULAR = "nan where a matrix is singular (NumPy and PyTorch raise an error there) or not finite"


# --------------------------------------------------------------------------------------------------------------- shapes
def _square(name: str, shape: Shape) -> None:
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(f"{name} has shape {shape}: its last two axes must be those of a square matrix")


def _same(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    _square("a", shapes[0])
    return shapes[0]


def _number(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    return _same(shapes, attributes)[:-2]


def _solved(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    """b of one axis is a vector; of more, the columns of matrices."""
    a, b = shapes
    _square("a", a)
    rows = b[-2 if len(b) > 1 else -1] if b else None
    if rows != a[-1]:
        raise ValueError(f"a has shape {a} and b has shape {b}: b must have {a[-1]} rows, as a has")
    if len(b) == 1:
        return (*a[:-2], *b)
    try:
        return (*np.broadcast_shapes(a[:-2], b[:-2]), *b[-2:])
    except ValueError:
        raise ValueError(f"the batch axes of a {a} and b {b} do not broadcast") from None


def _solved_unreduced(position: int, shapes: Sequence[Shape], out: Shape) -> Shape:
    """Before the batch axes that were stretched are summed over."""
    batch = out[:-1] if len(shapes[1]) == 1 else out[:-2]
    return (*batch, *shapes[0][-2:]) if position == 0 else out


# ---------------------------------------------------------------------------------------------------------- definitions
def _lead(signature: Signature, less: int = 2) -> list[str]:
    return letters(signature.ranks[0] - less, avoid="aijmblsdcwy", start="nopqrtuv")


def _inv_definition(signature: Signature) -> str:
    own = [*_lead(signature), "i", "j"]
    return f"{at('w', own)} = inverse({at('a', own)}); {at('y', own)} = {at('w', own)}"


def _inv_hint(signature: Signature) -> str:
    lead = _lead(signature)
    same = "".join(f"delta({i},q{axis})*" for axis, i in enumerate(lead))
    p, q = f"q{len(lead)}", f"q{len(lead) + 1}"
    return f"-{same}{at('y', [*lead, 'i', p])}*{at('y', [*lead, q, 'j'])}"


def _det_definition(signature: Signature) -> str:
    lead = _lead(signature)
    a = at("a", [*lead, "i", "j"])
    cofactors, d = f"{at('c', [*lead, 'i', 'j'])} = cofactor({a})", at("d", lead)
    return f"{cofactors}; {d} = det({a} for i in I for j in J); {at('y', lead)} = {d}"


def _logdet_definition(signature: Signature, signed: bool = True) -> str:
    """log|det a|, and log of the sign: 0, NaN where it is -1, -inf where it is 0."""
    lead = _lead(signature)
    a = at("a", [*lead, "i", "j"])
    over, size, sign = f"{a} for i in I for j in J", at("l", lead), at("s", lead)
    said = f"{at('w', [*lead, 'i', 'j'])} = inverse({a}); {size} = logabsdet({over}); "
    if not signed:
        return f"{said}{at('y', lead)} = {size}"
    return f"{said}{sign} = signdet({over}); {at('y', lead)} = {size} + log({sign})"


def _solve_definition(signature: Signature) -> str:
    """The inverse times b, over the batch axes of each, 0 where they are stretched."""
    rank, other = signature.ranks
    vector = other == 1
    batch = letters(signature.out_rank - (1 if vector else 2), start="nopqrtuv")
    own = {name: batch[len(batch) - r + 2 :] if r > 2 else [] for name, r in (("a", rank), ("b", other))}
    stretched = dict(zip("ab", signature.stretched, strict=True))
    lead = {name: ["0" if n in stretched[name] else i for n, i in enumerate(own[name])] for name in "ab"}
    known = dict(signature.attributes)
    square = _triangle(at("a", [*lead["a"], "i", "m"]), known)
    row, column = ("m", "i") if known.get("transposed") else ("i", "m")
    y = at("y", [*batch, "i"] if vector else [*batch, "i", "j"])
    b = at("b", ["m"] if vector else [*lead["b"], "m", "j"])
    return (
        f"{at('w', [*own['a'], 'i', 'm'])} = inverse({square}); "
        f"{y} = sum({at('w', [*own['a'], row, column])}*{b} for m in M)"
    )


def _triangle(a: str, known: dict[str, Any]) -> str:
    """What of the matrix is read."""
    if "upper" not in known:
        return a
    sign = ">" if known["upper"] else "<"
    if known["unitriangular"]:
        return f"1 if i == m else {a} if m {sign} i else 0"
    return f"{a} if m {sign}= i else 0"


def _solve_hint(signature: Signature) -> dict[str, str]:
    """-a⁻¹[i,p]·y[q,j]: y in the place of the sum that it is, where nothing is stretched and all of a is read."""
    rank, other = signature.ranks
    if "upper" in dict(signature.attributes) or any(signature.stretched) or rank != max(other, 2):
        return {}
    batch = letters(rank - 2, start="nopqrtuv")
    same = "".join(f"delta({i},q{axis})*" for axis, i in enumerate(batch))
    p, q = f"q{rank - 2}", f"q{rank - 1}"
    y = at("y", [*batch, q] if other == 1 else [*batch, q, "j"])
    return {"a": f"-{same}{at('w', [*batch, 'i', p])}*{y}"}


def _cholesky_definition(signature: Signature) -> str:
    lead = _lead(signature)
    own, turned = [*lead, "i", "j"], [*lead, "j", "i"]
    factor = at("l", turned if signature["upper"] else own)
    low, a = at("l", own), f"({at('a', own)} + {at('a', turned)})/2"
    half = "h[i,j] = 1 if i > j else 1/2 if i >= j else 0"
    return f"{half}; {low} = cholesky({a}); {at('w', own)} = inverse({low}); {at('y', own)} = {factor}"


# -------------------------------------------------------------------------------------------------------------- numbers
def _turned(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def _filled(function: Callable[[Array], Array]) -> Callable[[Array, Array], None]:
    def fill(a: Array, out: Array) -> None:
        out[...] = function(a)

    return fill


_fill_inverse, _fill_det, _fill_cofactor, _fill_logabsdet, _fill_cholesky = map(
    _filled, (matrices.inverse, matrices.det, matrices.cofactor, matrices.logabsdet, matrices.cholesky)
)


def _fill_logdet(a: Array, out: Array) -> None:
    with np.errstate(all="ignore"):
        out[...] = matrices.logabsdet(a) + np.log(matrices.sign_of_det(a).real)


@operation
def _inverse(a: Any) -> Any:
    return noted(_fill_inverse, a.shape, a)


_INV = Rule(
    _inverse,
    lambda g, y, a: -(_turned(y) @ g @ _turned(y)),
)
_DET = Rule(
    lambda a: noted(_fill_det, a.shape[:-2], a),
    lambda g, y, a: g[..., None, None] * noted(_fill_cofactor, a.shape, a),
)


def _logarithm(fill: Callable[[Array, Array], None]) -> Rule:
    return Rule(
        lambda a: noted(fill, a.shape[:-2], a),
        lambda g, y, a: g[..., None, None] * _turned(_inverse(a)),
    )


def _fill_solution(a: Array, b: Array, vector: bool, out: Array) -> None:
    found = matrices.solve(a, b[..., None] if vector else b)
    out[...] = found[..., 0] if vector else found


def _fill_triangular(a: Array, b: Array, turn: bool, upper: bool, unit: bool, vector: bool, out: Array) -> None:
    """By substitution, row by row: what is divided by 0 is inf or NaN, as everywhere."""
    a, b = (_turned(a) if turn else a), (b[..., None] if vector else b)
    y = out[..., None] if vector else out
    rows = range(a.shape[-1])
    down = upper == turn
    with np.errstate(all="ignore"):
        for i in rows if down else reversed(rows):
            before = slice(0, i) if down else slice(i + 1, None)
            rest = b[..., i, :] - np.einsum("...k,...kj->...j", a[..., i, before], y[..., before, :])
            y[..., i, :] = rest if unit else rest / a[..., i, i, None]


@operation
def _solution(a: Any, b: Any) -> Any:
    return noted(_fill_solution, _solved([a.shape, b.shape], {}), a, b, options=(len(b.shape) == 1,))


@operation
def _triangular(a: Any, b: Any, transposed: bool, upper: bool, unitriangular: bool) -> Any:
    options = transposed, upper, unitriangular, len(b.shape) == 1
    return noted(_fill_triangular, _solved([a.shape, b.shape], {}), a, b, options=options)


def _back(g: Any, b: Any, solve: Callable[[Any], Any]) -> Any:
    """The equation of the transpose for ∂L/∂y; of a vector b with batches of matrices, column by column."""
    return solve(g[..., None])[..., 0] if len(b.shape) == 1 else solve(g)


def _products(left: Any, right: Any, b: Any) -> Any:
    """Of each row of `left` with each of `right`: -∂L/∂a is made of these."""
    return left[..., None] * right[..., None, :] if len(b.shape) == 1 else left @ _turned(right)


def _solve_by_a(g: Any, y: Any, a: Any, b: Any) -> Any:
    return -_products(_solve_by_b(g, y, a, b), y, b)


def _solve_by_b(g: Any, y: Any, a: Any, b: Any) -> Any:
    return _back(g, b, lambda each: _solution(_turned(a), each))


def _triangular_by_a(g: Any, y: Any, a: Any, b: Any, **given: bool) -> Any:
    share = _triangular_by_b(g, y, a, b, **given)
    slope = -(_products(y, share, b) if given["transposed"] else _products(share, y, b))
    return (
        upper(slope, k=int(given["unitriangular"])) if given["upper"] else lower(slope, k=-int(given["unitriangular"]))
    )


def _triangular_by_b(g: Any, y: Any, a: Any, b: Any, transposed: bool, **given: bool) -> Any:
    return _back(g, b, lambda each: _triangular(a, each, transposed=not transposed, **given))


def _symmetric(a: Any) -> Any:
    return (a + _turned(a)) * 0.5


@operation
def _cholesky(a: Any, upper: bool) -> Any:
    low = noted(_fill_cholesky, a.shape, _symmetric(a))
    return _turned(low) if upper else low


def _cholesky_vjp(g: Any, y: Any, a: Any, upper: bool) -> Any:
    """l⁻ᵀ·Φ(lᵀ·G)·l⁻¹, Φ the lower triangle with half of the diagonal; made symmetric, as a is."""
    low, slope = (_turned(y), _turned(g)) if upper else (y, g)
    product = _turned(low) @ slope
    inside = (lower(product, k=0) + lower(product, k=-1)) * 0.5
    back = {"transposed": True, "upper": False, "unitriangular": False}
    half = _triangular(low, inside, **back)
    return _symmetric(_turned(_triangular(low, _turned(half), **back)))


_SOLVE, _TRIANGULAR = Rule(_solution, _solve_by_a, _solve_by_b), Rule(_triangular, _triangular_by_a, _triangular_by_b)
_LOGDET, _SLOGDET = _logarithm(_fill_logdet), _logarithm(_fill_logabsdet)
_CHOLESKY = Rule(_cholesky, _cholesky_vjp)
_TRIANGLE = {name: Attribute(False, flag) for name in ("transposed", "upper", "unitriangular")}

OPS = (
    Op(
        "inv",
        ("a",),
        _inv_definition,
        _same,
        *_INV.pair,
        "The inverse of a matrix: a·y = y·a = 1.",
        hint=_inv_hint,
        convention=SINGULAR,
    ),
    Op(
        "solve",
        ("a", "b"),
        _solve_definition,
        _solved,
        *_SOLVE.pair,
        "The solution y of a·y = b; b is a vector where it has one axis, else columns of matrices.",
        hint=_solve_hint,
        broadcasts=True,
        inner=2,
        shape_before_unbroadcast=_solved_unreduced,
        convention=SINGULAR,
    ),
    Op(
        "solve_triangular",
        ("a", "b"),
        _solve_definition,
        _solved,
        *_TRIANGULAR.pair,
        "The solution y of a·y = b, of whose matrix one triangle is read; transposed: of aᵀ·y = b; unitriangular: its "
        "diagonal counts as 1.",
        _TRIANGLE,
        broadcasts=True,
        inner=2,
        shape_before_unbroadcast=_solved_unreduced,
        convention="a 0 on the diagonal gives inf or nan; what is not read of a has a gradient of 0",
    ),
    Op(
        "det",
        ("a",),
        _det_definition,
        _number,
        *_DET.pair,
        "The determinant.",
        over_nodes=(lambda g, y, a: (g * y)[..., None, None] * _turned(_inverse(a)),),
        convention="its gradient is the matrix of cofactors, which there are of a singular matrix, too; in d(u, x) it "
        "is det·a⁻ᵀ, nan there",
    ),
    Op(
        "logdet",
        ("a",),
        _logdet_definition,
        _number,
        *_LOGDET.pair,
        "The logarithm of the determinant; nan where that is below 0, -inf where it is 0.",
        analytic=False,
        convention="the gradient is nan where a matrix is singular",
    ),
    Op(
        "slogdet",
        ("a",),
        lambda signature: _logdet_definition(signature, signed=False),
        _number,
        *_SLOGDET.pair,
        "The logarithm of the determinant's size, log|det a|; its sign is sign(det(a)).",
        analytic=False,
        convention="the gradient is nan where a matrix is singular",
    ),
    Op(
        "cholesky",
        ("a",),
        _cholesky_definition,
        _same,
        *_CHOLESKY.pair,
        "The lower triangular y of y·yᵀ = a, a symmetric and positive definite; upper: yᵀ.",
        {"upper": Attribute(False, flag)},
        analytic=False,
        convention="of the symmetric part (a + aᵀ)/2, so that the gradient is symmetric; nan where it is not positive "
        "definite (NumPy and PyTorch raise an error there)",
    ),
)
