"""Random uses, most of them wrong: one line that names operation and argument, or a result; never a traceback."""

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.engine import ops
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse

ROWS = [*ops.OPS.values(), *ops.COMPOSITES.values()]
SETTINGS = [
    0, 1, 2, 3, -1, -2, -5, 7, 100, -100, 10**6, 0.5, -0.5, 1e300, True, False, None, "mean", "sum", "none", "same",
    "valid", "x", "", (1, 2), (2,), (1, 2, 3), (0,), (-1, -1), ((1, 1), (2, 2)), (), [None, 2], "[1:]", "[9]", "[:, 0]",
    (1.5,), ("a",), ((1,), 2),
]  # fmt: skip


def a_use(random):
    """A call in a formula with its values; half of them with as many inputs as are needed, most of one shape."""

    def shape():
        return tuple(int(n) for n in random.choice([0, 1, 2, 3, 4, 5, 7], int(random.integers(0, 6))))

    row = ROWS[int(random.integers(len(ROWS)))]
    needed = sum(not name.endswith("?") for name in row.inputs)
    count = needed if random.random() < 0.7 else int(random.integers(1, len(row.inputs) + 1))
    common = shape()
    values = {}
    for n, role in enumerate(row.input_names[:count]):
        size = common if random.random() < 0.6 else shape()
        whole = role in row.indices and random.random() < 0.8
        values[f"v{n}"] = random.integers(-2, 6, size) if whole else random.normal(size=size)
    given = {
        name: SETTINGS[int(random.integers(len(SETTINGS)))]
        for name, attribute in row.attributes.items()
        if attribute.required or random.random() < 0.4
    }
    return row, f"{row.name}({', '.join([*values, *(f'{k}={v!r}' for k, v in given.items())])})", values


def test_bad_uses_are_told_in_one_line():
    random = np.random.default_rng(11)
    told = done = 0
    for _ in range(2_000):
        row, call, values = a_use(random)
        try:
            Program(parse(f"out = {call}; L = sum(out)*w", {**values, "w": 1.0})).record()
            done += 1
        except UserError as problem:
            text = str(problem)
            told += 1
            assert "\n" not in text, call
            assert len(text) < 300 + len(call), text
            named = row.name in text or text.startswith("formula: v") or " numbers (at most " in text  # too large
            assert named, (call, text)
    assert told > 500
    assert done > 500
