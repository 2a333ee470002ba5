"""Numbers that somebody worked out elsewhere, to hold against a training step: from JSON, NPZ, safetensors or Python.

`{NAME: numbers}` are gradients; `{"values": {…}, "grads": {…}, "updates": {NAME: numbers after the update}}` says
which is what, and so does what `bptui trace --json` prints. In NPZ and safetensors, without tables, `values/NAME` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bptui.model.base import safetensors
from bptui.model.base.documents import from_json
from bptui.model.base.errors import UserError
from bptui.model.base.files import read_bytes, read_text
from bptui.model.base.types import Array
from bptui.model.engine.arrays import array
from bptui.model.source.datasets import MAX_FILE, read_npz

Of = Literal["value", "grad", "update"]
GROUPS: Mapping[str, Of] = {
    "values": "value", "value": "value", "grads": "grad", "gradients": "grad", "grad": "grad",
    "updates": "update", "after": "update",
}  # fmt: skip
MAX_TEXT = 2**24
"""Characters of a JSON file."""
MAX_NAMES = 1_000
FORMS = ".json, .npz or .safetensors"
LEAST_DIGITS = 3
"""Numbers with fewer are taken as they stand: 2 is 2, not anything from 1.5 to 2.5."""
FULL = 12
"""Digits from which a number counts as written in full."""


@dataclass(frozen=True, eq=False)
class Own:
    """One tensor of somebody else's: its name there, what it is of, its numbers (float64), and how far each may be off
    because of how it was written: rounded to so many digits, or float32. `written` says which; `digits`: (significant
    ones, decimals) of those that are not written in full."""

    name: str
    of: Of
    numbers: Array
    slack: Array
    written: str = ""
    digits: tuple[int, int] | None = None


def read(file: str) -> tuple[Own, ...]:
    """The numbers of a file, by its suffix; a UserError where it is none of these, is too large or holds no numbers."""
    path, where = Path(file), file[:100]
    suffix = path.suffix.lower()
    if suffix == ".json":
        return from_mapping(from_json(read_text(path, where, MAX_TEXT, "an .npz file may have more"), where), where)
    if suffix == ".npz":
        return from_mapping(_nested(read_npz(path, where)), where)
    if suffix == ".safetensors":
        return from_mapping(_nested(safetensors.arrays(read_bytes(path, where, MAX_FILE), where)), where)
    raise UserError(where, "own numbers are not read from such a file", FORMS)


def _nested(flat: Mapping[str, Array]) -> Mapping[str, Any]:
    """`values/x` and `grads/x` as {"values": {"x"}, …}; names without such a beginning are gradients."""
    found: dict[str, dict[str, Array]] = {}
    for name, numbers in flat.items():
        group, slash, rest = name.partition("/")
        kind, name = (group, rest) if slash and group in GROUPS else ("grads", name)
        found.setdefault(kind, {})[name] = numbers
    return found


def from_mapping(content: Any, where: str) -> tuple[Own, ...]:
    """The numbers of a table; see above. A UserError where it holds anything else."""
    if not isinstance(content, Mapping):
        raise UserError(where, "is not a table of names", '{"w": [[0.1, 0.2]]}')
    if isinstance(content.get("step"), Mapping):  # as `bptui trace --json` prints it
        content = content["step"]
    kept = {key: value for key, value in content.items() if not (key == "index" and "values" in content)}
    grouped = bool(kept) and all(key in GROUPS and isinstance(value, Mapping) for key, value in kept.items())
    tables = kept if grouped else {"grads": kept}
    found = tuple(own for key, table in tables.items() for own in _table(GROUPS[key], table, where))
    if not found:
        raise UserError(where, "holds no numbers", '{"w": [[0.1, 0.2]]}')
    if len(found) > MAX_NAMES:
        raise UserError(where, f"holds {len(found):,} names", f"at most {MAX_NAMES:,}")
    return _rounded(found)


def _table(of: Of, table: Mapping[str, Any], where: str) -> Iterator[Own]:
    for name, value in table.items():
        if isinstance(value, Mapping) and of == "update":
            value = value.get("after")
        if not isinstance(name, str):
            raise UserError(where, f"{str(name)[:40]} is not a name", '{"w": [[0.1, 0.2]]}')
        yield _own(name, of, value, f"{where}: {name[:60]}")


def _own(name: str, of: Of, value: Any, where: str) -> Own:
    if hasattr(value, "detach") and hasattr(value, "is_floating_point"):  # PyTorch's, which is not imported for that
        value = value.detach().cpu().double().numpy() if value.is_floating_point() else value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise UserError(where, "expected numbers, found something else")
        numbers = value.astype(np.float64)
        return Own(name, of, numbers, *_float32(numbers, value.dtype.itemsize <= 4 and value.dtype.kind == "f"))
    special = _special(value)
    numbers = array(_without(value) if special else value, where)
    numbers = _filled(value, numbers) if special else numbers
    return Own(name, of, numbers, *_float32(numbers, False), digits=_digits(numbers))


_WORDS = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf, "infinity": np.inf, "-infinity": -np.inf}


def _leaves(value: Any) -> Iterator[Any]:
    """The numbers of nested lists in their order, without recursion deeper than the lists were bounded to."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list | tuple):
            waiting += reversed(item)
        else:
            yield item


def _is_special(item: Any) -> bool:
    return (isinstance(item, str) and item.lower() in _WORDS) or (isinstance(item, float) and not np.isfinite(item))


def _special(value: Any) -> bool:
    """Is there nan or inf, as JSON's own words or as ours, the strings?"""
    return any(_is_special(item) for item in _leaves(value))


def _without(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_without(item) for item in value]
    return 0.0 if _is_special(value) else value


def _filled(value: Any, numbers: Array) -> Array:
    flat = numbers.reshape(-1)
    for at, item in enumerate(_leaves(value)):
        if _is_special(item):
            flat[at] = _WORDS[item.lower()] if isinstance(item, str) else item
    return flat.reshape(numbers.shape)


_WRITTEN = re.compile(r"(\d+)(?:\.(\d+))?(?:e([+-]\d+))?")


def _digits(numbers: Array) -> tuple[int, int] | None:
    """(significant digits, decimals) with which numbers were written, the most of all; None where that is in full."""
    known = numbers[np.isfinite(numbers) & (numbers != 0)]
    decimals = significant = 0
    for x in np.abs(known[:10_000]):
        found = _WRITTEN.fullmatch(repr(float(x)))
        if found is None:
            return None
        whole, part, power = found[1], (found[2] or "").rstrip("0"), int(found[3] or 0)
        significant = max(significant, len((whole + part).lstrip("0").rstrip("0")))
        decimals = max(decimals, len(part) - power)
        if significant > FULL:
            return None
    return significant, decimals


def _rounded(found: tuple[Own, ...]) -> tuple[Own, ...]:
    """The same with what rounding does to those that are written with few digits: all of them to one decimal, or to as
    many significant digits. They are looked at together, since of 0.0013 alone one cannot tell."""
    written = [own.digits for own in found if own.digits is not None]
    significant = max((s for s, _ in written), default=0)
    decimals = max((d for _, d in written), default=0)
    if significant < LEAST_DIGITS or decimals <= 0:
        return found
    said = f"to the {significant} digits that are given"

    def rounded(own: Own) -> Own:
        if own.digits is None:
            return own
        return replace(own, slack=_half_units(own.numbers, significant, decimals), written=said)

    return tuple(rounded(own) for own in found)


def _half_units(numbers: Array, significant: int, decimals: int) -> Array:
    """Half a unit in the last place of each, and a little for the halves themselves."""
    with np.errstate(all="ignore"):
        size = np.floor(np.log10(np.abs(np.where(numbers == 0, np.nan, numbers))))
    by_size = np.where(np.isfinite(size), 10.0 ** (np.nan_to_num(size) - significant + 1), 0.0)
    return 0.5000001 * np.maximum(by_size, 10.0**-decimals)


def _float32(numbers: Array, known: bool) -> tuple[Array, str]:
    """(rounding of each, how it is said) where the numbers are float32: by their dtype, or because each of them is one,
    which 53 digits of a float64 are by chance only where they are few."""
    single = numbers.astype(np.float32).astype(np.float64) == numbers
    full = numbers[np.isfinite(numbers) & (numbers != 0)]
    drawn = np.frexp(full)[0] * 2**12  # more than 12 binary digits: no small whole number or short fraction
    if not known and not (full.size and bool(single[np.isfinite(numbers)].all()) and bool((drawn % 1 != 0).all())):
        return np.zeros(()), ""
    return float32_rounding(numbers), "as float32 has them"


def float32_rounding(numbers: Array) -> Array:
    """How far each may be off that was computed in float32: some hundred roundings of itself, and some of the largest
    where it is what others left over."""
    size = np.where(np.isfinite(numbers), np.abs(numbers), 0.0)
    eps = float(np.finfo(np.float32).eps)
    return np.asarray(200 * eps * size + 20 * eps * float(np.max(size, initial=0.0)))
