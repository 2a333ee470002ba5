"""A formula tree as text in the notation of definitions (docs/definitions.md): what was derived can define something
else."""

from __future__ import annotations

from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.tree import Statement, Tree


def statement(made: Statement) -> str:
    """`y[i,j] = …`."""
    return f"{to_source(made.target)} = {to_source(made.value)}"


def to_source(tree: Tree) -> str:
    """The text of a formula. ValueError for what the notation has no word for."""
    match tree:
        case t.Number(value, _):
            return repr(int(value)) if float(value).is_integer() else repr(float(value))
        case t.Name(name):
            return name
        case t.Element(base, index):
            return f"{base}[{','.join(map(to_source, index))}]"
        case t.Size(base, axis):
            return f"{base}.shape[{axis}]"
        case t.Add(terms, minus):
            signs = [("-" if m else "") if not n else (" - " if m else " + ") for n, m in enumerate(minus)]
            return f"({''.join(s + to_source(term) for s, term in zip(signs, terms, strict=True))})"
        case t.Mul(factors):
            return f"({'*'.join(map(to_source, factors))})"
        case t.Div(top, bottom, floor):
            return f"({to_source(top)}{'//' if floor else '/'}{to_source(bottom)})"
        case t.Mod(top, bottom):
            return f"({to_source(top)}%{to_source(bottom)})"
        case t.Power(base, exponent):
            return f"({to_source(base)}**{to_source(exponent)})"
        case t.Neg(of):
            return f"(-{to_source(of)})"
        case t.Call(function, arguments):
            return f"{function}({', '.join(map(to_source, arguments))})"
        case t.Reduction(kind, body, ranges, conditions):
            tests = [to_source(test) for test in conditions]
            over = "".join(map(_range, ranges)) + (f" if {' and '.join(tests)}" if tests else "")
            return f"{kind}({to_source(body)}{over})"
        case t.IfElse(condition, yes, no):
            return f"({to_source(yes)} if {to_source(condition)} else {to_source(no)})"
        case t.Compare(sign, left, right):
            return f"{to_source(left)} {sign} {to_source(right)}"
        case t.Logic("not", (part,)):
            return f"(not {to_source(part)})"
        case t.Logic(word, parts):
            return f"({f' {word} '.join(map(to_source, parts))})"
        case t.Delta(left, right):
            return f"delta({to_source(left)},{to_source(right)})"
    raise ValueError(f"a definition has no {type(tree).__name__}")


def _range(r: t.Range) -> str:
    if r.high is None:
        return f" for {r.index} in {r.index.upper()}"
    if r.low is None and isinstance(r.high, t.Number | t.Size | t.Name):
        return f" for {r.index} in {to_source(r.high)}"
    low = "0" if r.low is None else to_source(r.low)
    return f" for {r.index} in range({low}, {to_source(r.high)})"
