"""More elementary functions: tan, sinh, cosh, log1p, expm1, erf."""

from __future__ import annotations

import numpy as np

from bptui.model.engine.ops.maps import unary
from bptui.model.engine.ops.special import erf

OPS = (
    unary("tan", "y = sin(x)/cos(x)", np.tan, lambda g, y, x: (y * y + 1) * g, "The tangent.", hint="1 + y**2"),
    unary("sinh", "y = sinh(x)", np.sinh, lambda g, y, x: np.cosh(x) * g, "The hyperbolic sine."),
    unary("cosh", "y = cosh(x)", np.cosh, lambda g, y, x: np.sinh(x) * g, "The hyperbolic cosine."),
    unary(
        "log1p", "y = log(1 + x)", np.log1p, lambda g, y, x: g / (x + 1), "The logarithm of 1 + x, exact for small x."
    ),
    unary(
        "expm1", "y = exp(x) - 1", np.expm1, lambda g, y, x: (y + 1) * g, "exp(x) - 1, exact for small x.", hint="y + 1"
    ),
    unary("erf", "y = erf(x)", erf, lambda g, y, x: np.exp(-(x * x)) * (2 / np.sqrt(np.pi)) * g, "The error function."),
)
