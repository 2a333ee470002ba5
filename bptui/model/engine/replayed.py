"""A rule that plans its calls one by one, on nodes in the place of arrays: each call becomes the operation that it is.

emit(g.dot, b.T, da)    of matmul's rule: da is matmul(g, transpose(b))
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Shape
from bptui.model.engine.lifted import Lifted, NoOperation

UNSAVED = object()
"""In the place of what forward saved, which is arrays: a rule that reads it is none of these."""


class Into:
    """An array that a planned rule fills: what fills a view of it fills it."""

    flags = Lifted.flags

    def __init__(self, shape: Shape, above: Into | None = None) -> None:
        self.shape, self.above = shape, above
        self.filled: Lifted | None = None

    __array_ufunc__ = None
    ndim = property(lambda self: len(self.shape))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        raise NoOperation(function.__name__)

    def fill(self, value: Lifted) -> None:
        """It is this value."""
        self.filled = self.fitted(value)
        if self.above is not None:
            self.above.fill(self.filled)

    def fitted(self, value: Lifted) -> Lifted:
        """The value in this shape; it may broadcast to it."""
        if value.size == prod(self.shape):
            return value.reshape(self.shape)
        return np.broadcast_to(value, self.shape)  # type: ignore[call-overload,no-any-return]

    def reshape(self, *shape: Any) -> Into:
        """The same numbers in another shape."""
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return Into(np.empty(self.shape, np.bool_).reshape(wanted).shape, self)

    def __getitem__(self, key: Any) -> Into:
        shape = np.broadcast_to(np.empty((), np.bool_), self.shape)[key].shape
        parts = key if isinstance(key, tuple) else (key,)
        if all(part is Ellipsis or part is None for part in parts):
            return Into(shape, self)
        return Part(shape, self, tuple(part for part in parts if part is not None))


class Part(Into):
    """A slice of one: what is around it stays as it was filled before."""

    def __init__(self, shape: Shape, above: Into, key: tuple[Any, ...]) -> None:
        super().__init__(shape, above)
        self.key = key

    def fill(self, value: Lifted) -> None:
        """What it is a part of has this value there."""
        above = self.above
        assert above is not None
        if above.filled is None:
            raise NoOperation("a part of an array that nothing has filled")
        bare = np.broadcast_to(np.empty((), np.bool_), above.shape)[self.key].shape
        above.fill(value.made("put", above.filled, self.fitted(value).reshape(bare), index=self.key))


class Replayed:
    """The Emit that does with nodes what the planned calls do with arrays."""

    dtype = np.dtype(np.float64)

    def __init__(self, of: Lifted) -> None:
        self.of = of
        self.noted: dict[Any, Any] = {}

    def __call__(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> None:
        """Run it on nodes: the last argument is what it fills."""
        if function is np.copyto:
            out, value = args
            out.fill(self.of.lifted(value.filled if isinstance(value, Into) else value))
            return
        *inputs, out = (arg.filled if isinstance(arg, Into) and arg is not args[-1] else arg for arg in args)
        if options or not isinstance(out, Into):
            raise NoOperation(getattr(function, "__name__", "a call"))
        if not isinstance(function, np.ufunc) and not isinstance(getattr(function, "__self__", None), Lifted):  # a.dot
            raise NoOperation(getattr(function, "__name__", "a call"))
        out.fill(function(*inputs))

    def temp(self, shape: Shape, dtype: Any = None) -> Any:
        """Scratch."""
        return Into(tuple(shape))

    def const(self, value: float) -> Any:
        """A number."""
        return value
