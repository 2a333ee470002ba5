"""Formulas as LaTeX (math mode, amsmath): for notes, slides and `bptui explain --format latex`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from unicodedata import normalize

from bptui.model.base.printable import printable
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.printing import Names
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.formula.width import measure

_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi",
    "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
}  # fmt: skip
_UNICODE = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\epsilon", "η": r"\eta", "λ": r"\lambda",
    "μ": r"\mu", "ρ": r"\rho", "σ": r"\sigma", "τ": r"\tau", "θ": r"\theta", "π": r"\pi", "Δ": r"\Delta",
    "Σ": r"\sum ", "Π": r"\prod ", "∂": r"\partial ", "∇": r"\nabla ", "√": r"\surd ", "∞": r"\infty",
    "½": r"\frac{1}{2}", "²": "{}^{2}", "³": "{}^{3}", "ᵀ": "{}^{T}", "·": r"\cdot ", "×": r"\times ", "÷": r"\div ",
    "±": r"\pm ", "−": "-", "≤": r"\leq ", "≥": r"\geq ", "≠": r"\neq ", "≈": r"\approx ", "∈": r"\in ",
    "→": r"\to ", "←": r"\leftarrow ", "↑": r"\uparrow ", "↓": r"\downarrow ", "…": r"\ldots ", "✓": r"\surd ",
    "✗": r"\times ", "▸": r"\triangleright ",
}  # fmt: skip
"""The letters and signs that bptui writes, in math mode."""
_ESCAPES = {"_": r"\_", "#": r"\#", "$": r"\$", "%": r"\%", "&": r"\&", "{": r"\{", "}": r"\}", "~": r"\sim ",
            "^": r"\wedge ", "\\": r"\backslash ", " ": r"\ "}  # fmt: skip
_TEXT = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$",
         "|": "$|$", '"': "''", **{c: rf"\{c}" for c in "_#$%&{}"}}  # fmt: skip
_ACCENTS = {
    "\u0300": "grave", "\u0301": "acute", "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0306": "breve",
    "\u0307": "dot", "\u0308": "ddot", "\u030a": "mathring", "\u030c": "check",
}  # fmt: skip
_KNOWN = {"exp": r"\exp", "log": r"\log", "sin": r"\sin", "cos": r"\cos", "tanh": r"\tanh", "sinh": r"\sinh", 
          "cosh": r"\cosh", "max": r"\max", "min": r"\min", "sum": r"\sum",
          "prod": r"\prod", "argmax": r"\operatorname{first\ argmax}",
          "argmin": r"\operatorname{first\ argmin}"}  # fmt: skip
_SIGNS = {">": ">", "<": "<", ">=": r"\geq", "<=": r"\leq", "==": "=", "!=": r"\neq"}
_LONG = 60
"""Digits: conditions that are wider stand in rows, where a formula is too wide."""
_CASES, _OR, _AND, _COMPARE, _ADD, _MUL, _POWER, _ATOM = range(8)


def to_latex(formula: Tree, names: Names | None = None, stacked: bool = False) -> str:
    """A formula in math mode. `stacked`: long conditions of a sum or a choice stand one below the other."""
    return _Writer(names or Names(), stacked).write(formula, _CASES)


def name(text: str, index: str = "") -> str:
    """A name as LaTeX: a letter as it is, `gamma` and `γ` as Greek, `∂L/∂a` as a fraction, `layer1.weight` upright.

    `index` is what a gradient's denominator carries: ∂L/∂a[i,j] is the derivative by a[i,j].
    """
    if text.startswith("∂") and "/∂" in text:
        top, _, bottom = text.partition("/∂")
        return rf"\frac{{\partial {name(top[1:])}}}{{\partial {{{name(bottom)}}}{index}}}"
    if text.endswith("'"):
        return f"{{{name(text[:-1])}}}'"
    if text == "…":
        return r"\ldots"
    if text in _GREEK:
        return rf"\{text}"
    if text in _UNICODE or text == "ŷ":
        return (_UNICODE.get(text) or _letter(text)).strip()
    if len(text) == 1 and text.isalnum() and text.isascii():
        return text
    head = text.rstrip("0123456789")
    if head != text and (len(head) == 1 or head in _GREEK):
        return f"{name(head)}_{{{text[len(head) :]}}}"
    if text.endswith("_hat") and len(text) == 5:
        return rf"\hat{{{text[0]}}}"
    return rf"\mathrm{{{escape(text)}}}"


def escape(text: str) -> str:
    """A name of others in math mode: everything is escaped that LaTeX would read, and no letter is left out."""
    out = []
    for c in printable(text):
        known = _ESCAPES.get(c) or _UNICODE.get(c)
        if known:
            word = known.endswith(" ") or known[1:].isalpha()
            out.append(f"{{{known}}}" if word else known)
        else:
            out.append(c if c.isascii() else f"{{{_letter(c)}}}")
    return "".join(out)


def prose(text: str) -> str:
    """Text outside of formulas: what LaTeX would read is escaped, what text has no letter for stands in math mode."""
    out = []
    for c in re.sub(r"-(?=[\d.])", "−", printable(text)):  # a line may end after a hyphen, not after a minus
        plain = _TEXT.get(c) or (c if c.isascii() else "")
        out.append(plain or f"${_UNICODE.get(c) or _letter(c)}$")
    return "".join(out)


def _letter(c: str) -> str:
    """A letter that LaTeX's own fonts have not: an accent over one that they have, else the number of the letter."""
    if c == "ŷ":
        return r"\hat{y}"
    parts = normalize("NFD", c)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return rf"\{_ACCENTS[parts[1]]}{{\mathrm{{{parts[0]}}}}}"
    return rf"\mathrm{{U{{+}}{ord(c):04X}}}"


class _Writer:
    def __init__(self, names: Names, stacked: bool = False) -> None:
        self.names, self.stacked = names, stacked

    def write(self, tree: Tree, outer: int, numbers: bool = True) -> str:
        text, level = self.parts(tree, numbers)
        return rf"\left({text}\right)" if level < outer else text

    def parts(self, tree: Tree, numbers: bool) -> tuple[str, int]:
        match tree:
            case t.Number(_, text):
                return scientific(text), _level(text)
            case t.Name(name):
                return self.atom(name, None, numbers)
            case t.Element(base, index):
                return self.atom(base, index, numbers)
            case t.Size(base, axis):
                return rf"\operatorname{{size}}_{{{axis}}}\left({self.symbol(base)}\right)", _ATOM
            case t.Add(terms, minus):
                out = ""
                for n, (term, taken) in enumerate(zip(terms, minus, strict=True)):
                    sign = (" - " if taken else " + ") if n else "-" if taken else ""
                    out += sign + self.write(term, _ATOM if isinstance(term, t.Add | t.Neg) else _MUL)
                return out, _ADD
            case t.Neg(of):
                return "-" + self.write(of, _MUL), _ADD
            case t.Mul(factors):
                return r" \cdot ".join(
                    self.write(f, _POWER if isinstance(f, t.Reduction) else _MUL) for f in factors
                ), _MUL
            case t.Div(top, bottom, floor):
                fraction = rf"\frac{{{self.write(top, _CASES)}}}{{{self.write(bottom, _CASES)}}}"
                return rf"\left\lfloor {fraction} \right\rfloor" if floor else fraction, _MUL
            case t.Mod(top, bottom):
                return rf"{self.write(top, _MUL)} \bmod {self.write(bottom, _POWER)}", _ADD
            case t.Power(base, exponent):
                return rf"{{{self.write(base, _ATOM)}}}^{{{self.write(exponent, _CASES)}}}", _POWER
            case t.Call(function, arguments):
                return self.call(function, arguments), _ATOM
            case t.Reduction():
                return self.reduction(tree)
            case t.IfElse():
                return self.cases(tree), _ATOM
            case t.Compare(sign, left, right):
                level = _MUL if isinstance(left, t.Reduction) else _ADD
                return f"{self.write(left, level)} {_SIGNS[sign]} {self.write(right, _ADD)}", _COMPARE
            case t.Logic("not", (part,)):
                return rf"\neg {self.write(part, _ATOM)}", _COMPARE
            case t.Logic(word, parts):
                level = _AND if word == "and" else _OR
                sign = r" \wedge " if word == "and" else r" \vee "
                return sign.join(dict.fromkeys(self.write(p, level + 1) for p in parts)), level
            case t.Delta(left, right):
                return rf"\delta_{{{self.write(left, _ADD)},{self.write(right, _ADD)}}}", _ATOM
            case t.Partial(top, bottom):
                sides = [self.write(side, _ATOM, numbers=False) for side in (top, bottom)]
                return rf"\frac{{\partial {sides[0]}}}{{\partial {sides[1]}}}", _MUL
        raise TypeError(type(tree).__name__)

    def symbol(self, base: str) -> str:
        return name(self.names.symbol(base).text)

    def atom(self, base: str, index: tuple[Tree, ...] | None, numbers: bool) -> tuple[str, int]:
        if numbers and (text := self.names.number(base, index)) is not None:
            return scientific(text), _level(text)
        symbol = self.symbol(base)
        if not index or base in self.names.bare:
            return symbol, _MUL if symbol.startswith(r"\frac") else _ATOM
        inside = ",".join(self.write(i, _ADD) for i in index)
        shown = self.names.symbol(base).text
        if shown.startswith("∂") and "/∂" in shown:
            return name(shown, rf"_{{{inside}}}"), _MUL
        if re.search(r"(?<!\\)_", symbol):
            symbol = f"{{{symbol}}}"
        return f"{symbol}_{{{inside}}}", _ATOM

    def call(self, function: str, arguments: tuple[Tree, ...]) -> str:
        inside = ", ".join(self.write(a, _CASES) for a in arguments)
        if function == "sqrt":
            return rf"\sqrt{{{inside}}}"
        if function == "abs":
            return rf"\left|{inside}\right|"
        if function == "floor":
            return rf"\left\lfloor {inside} \right\rfloor"
        called = _KNOWN.get(function) or rf"\operatorname{{{escape(function)}}}"
        return rf"{called}\left({inside}\right)"

    def reduction(self, reduction: t.Reduction) -> tuple[str, int]:
        under = []
        for r in reduction.ranges:
            letter = name(self.names.symbol(r.index).text)
            if r.high is None or r.full:
                under.append(letter)
            else:
                low = "0" if r.low is None else self.write(r.low, _ADD)
                under.append(rf"{low} \leq {letter} < {self.write(r.high, _ADD)}")
        groups = [*([each] for each in under), *map(self.apart, reduction.conditions)]
        for group in groups[:-1]:
            group[-1] += ","
        said = self.stack([each for group in groups for each in group], r"\substack{", r" \\ ", "}")
        called = _KNOWN.get(reduction.kind) or rf"\operatorname{{{escape(reduction.kind)}}}"
        text = f"{called}_{{{said}}} {self.write(reduction.body, _MUL)}"
        return text, _ADD if reduction.kind == "sum" else _MUL

    def apart(self, condition: Tree) -> list[str]:
        """The conditions that together are this one, each after the first with its sign."""
        match condition:
            case t.Logic("and", parts):
                first, *more = dict.fromkeys(self.write(part, _AND + 1) for part in parts)
                return [first, *(rf"\wedge {each}" for each in more)]
        return [self.write(condition, _CASES)]

    def stack(self, pieces: Sequence[str], start: str, below: str, end: str) -> str:
        """Conditions one after the other; between `start` and `end` in rows with `below` between them, if so much is
        to be said."""
        said = " ".join(pieces)
        return f"{start}{below.join(_packed(pieces))}{end}" if self.stacked and measure(said) > _LONG else said

    def cases(self, tree: Tree) -> str:
        rows = []
        while isinstance(tree, t.IfElse):
            condition = self.stack(self.apart(tree.condition), r"\begin{aligned}[t] & ", r" \\ & ", r" \end{aligned}")
            rows.append(rf"{self.write(tree.yes, _OR)} & \text{{if }} {condition}")
            tree = tree.no
        rows.append(rf"{self.write(tree, _OR)} & \text{{otherwise}}")
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


def _packed(pieces: Sequence[str]) -> list[str]:
    """The pieces in as few rows as hold them, none wider than _LONG if its pieces are not."""
    rows = list(pieces[:1])
    for piece in pieces[1:]:
        longer = f"{rows[-1]} {piece}"
        rows[-1:] = [longer] if measure(longer) <= _LONG else [rows[-1], piece]
    return rows


def _level(number: str) -> int:
    """How tightly a written number binds: a negative one as a sum, one with a power of ten as a product."""
    return _ADD if number.startswith("-") else _MUL if "e" in number else _ATOM


def scientific(text: str) -> str:
    """`1.2e-7` as a power of ten; NaN and inf as words."""
    mantissa, e, power = text.partition("e")
    if text in ("NaN", "nan"):
        return r"\mathrm{NaN}"
    if text in ("inf", "-inf"):
        return r"\infty" if text == "inf" else r"-\infty"
    return rf"{mantissa} \cdot 10^{{{int(power)}}}" if e else text
