"""A reader with a calculator: works out the equations of a printed text from their printed numbers.

It knows nothing of bptui: it reads lines of text, LaTeX and rows of panels, and says which results do not come out in
their last place.
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass, field

NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
ALONE = rf"(?<![\w\[,.(·]){NUMBER}(?![\w\],.(·])"
FUNCTIONS = {
    "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "abs": abs, "sin": math.sin, "cos": math.cos,
    "tanh": math.tanh, "cosh": math.cosh, "sinh": math.sinh, "erf": math.erf, "floor": math.floor, "max": max,
    "min": min, "pi": math.pi, "sign": lambda x: (x > 0) - (x < 0), "inf": math.inf,
}  # fmt: skip
SIGNS = str.maketrans({"·": "*", "×": "*", "÷": "/", "≤": "<", "²": "²", "³": "³"})
FORMULA = re.compile(rf"(?:{NUMBER}|[-+*/(),% ]|\*\*|(?:{'|'.join(FUNCTIONS)})\b)+$")
RESULT = re.compile(rf"\s*({NUMBER})(?=$|\s|;|,|…)")
ROW = re.compile(rf"({ALONE}(?:\s+×\s+\S*?\s?{ALONE})+)\s+([=≈~])\s+({ALONE})(?:\s+(?:sum )?({ALONE}))?")
AFTER = re.compile(rf"(?:^|\s)([-+/÷])\s+(?:\S.*?\s)??({ALONE})\s+(?:= )?({ALONE})\s*$")
COMPARED = re.compile(rf"(?<![-+*/·÷×^%] )({ALONE}) (<|>|≤|≥|<=|>=|≠|!=|==) ({ALONE})(?! [-+*/·÷×^])")
COMPARE = {
    "<": operator.lt, ">": operator.gt, "≤": operator.le, "<=": operator.le, "≥": operator.ge, ">=": operator.ge,
    "≠": operator.ne, "!=": operator.ne, "==": operator.eq,
}  # fmt: skip
GOES_ON = re.compile(r"[-+×=≈~<>≤≥≠] |[·*/)]|(?:if|else|since|for|and|or|where) ")
"""How a row begins that goes on with the one above, and that is none of a table."""
TOTAL = re.compile(rf"\]?\s+([=≈~])\s+({ALONE})(?:\s\s.*)?$")


@dataclass
class Calculator:
    """What was worked out: how many equations, how many of them are only about true (`≈` before what is
    not 0), and those that are wrong."""

    count: int = 0
    about: int = 0
    wrong: list[str] = field(default_factory=list)

    def hold(self, value: float | None, sign: str, result: str, said: str, scale: float = 1.0) -> None:
        """Note whether `result` is `value` in its last place."""
        if value is None or not math.isfinite(value):
            return
        self.count += 1
        self.about += sign != "=" and float(result) != 0
        unit = 10.0 ** exponent(result)
        if float(result) == 0:
            good = abs(value) <= 1e-9 * scale
        else:
            good = abs(value - float(result)) <= unit * (0.5 if sign == "=" else 5) * (1 + 1e-6) + 1e-15 * abs(value)
        if not good:
            self.wrong.append(f"{said.strip()}   → {value!r}")

    # ------------------------------------------------------------------------------------------------------- lines
    def line(self, text: str) -> None:
        """`W' = 0.2 - 0.5·0.1 = 0.15`: every part that stands before a result."""
        if " × " in text:
            return  # a row of a table
        parts = re.split(r" ([=≈~]) ", text)
        for left, sign, right in zip(parts[::2], parts[1::2], parts[2::2], strict=False):
            found = RESULT.match(right)
            if found is None:
                continue
            formula = left.rpartition("  ")[2].rpartition("= ")[2].translate(SIGNS)
            formula = formula.replace("²", "**2").replace("³", "**3")
            if re.match(r"\s*([-+] |[*/)])", formula):
                continue  # it began in the row above
            if not FORMULA.fullmatch(formula.strip()) or not re.search(r"[-+*/(]", formula.strip().lstrip("-")):
                continue
            rest = right[found.end() :].lstrip(" ")
            if rest[:1] in ("·", "+", "-", "/", "*", "%"):
                continue  # the right side goes on
            self.hold(evaluated(formula), sign, found[1], text, largest(formula))

    def compare(self, text: str) -> None:
        """`since 0.2795 > 0`: the printed numbers stand to each other as is said of them."""
        for left, sign, right in COMPARED.findall(text):
            self.count += 1
            if not COMPARE[sign](float(left), float(right)):
                self.wrong.append(text.strip())

    def page(self, rows: list[str]) -> None:
        """All that a panel shows: tables, equations in one row, those that go on in the next ones, comparisons."""
        self.rows(rows)
        alone = {row.strip() for row in rows}
        for row in joined(rows):
            self.line(row)
            self.compare(row)
            if row not in alone and " × " in row:
                self.rows([row])

    def rows(self, rows: list[str]) -> None:
        """Rows of a sum: `1  1.0000 × 0.5607 = 0.5607  0.2527`, then what is done with it."""
        running: float | None = None
        scale = 0.0
        for row in rows:
            if "⋯" in row or " more" in row or row.startswith(("#", "- ")):
                running = None
            found = ROW.search(row)
            if found is not None:
                factors = [float(x) for x in re.findall(ALONE, found[1])]
                self.hold(math.prod(factors), found[2], found[3], row)
                scale += abs(float(found[3]))
                if found[4] is not None:
                    if running is not None:
                        self.hold(running + float(found[3]), "=", found[4], row, scale)
                    running = float(found[4])
                continue
            after = AFTER.search(row)
            if after is not None and running is not None and "─" not in row:
                number = float(after[2])
                scale += 0.0 if after[1] in "/÷" else abs(number)
                value = running / number if after[1] in "/÷" else running + (number if after[1] == "+" else -number)
                self.hold(value, "=", after[3], row, scale)
                running = float(after[3])
                continue
            total = TOTAL.search(row)
            if total is not None and running is not None and "×" not in row:
                self.hold(running, total[1], total[2], row, scale)
                running = None

    # ------------------------------------------------------------------------------------------------------- LaTeX
    def latex(self, text: str) -> None:
        """The equations of every `align*`: a row `&= numbers = result`, or the result in a row of its own."""
        for block in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", text, re.DOTALL):
            rows = " ".join(row.lstrip("&") for row in re.split(r"\\\\\n", block))
            sides = re.split(r"(=|\\approx)", unequal(rows))
            for left, sign, right in zip(sides[::2], sides[1::2], sides[2::2], strict=False):
                formula, result = plain(left), plain(right)
                number = re.fullmatch(rf"\(?({NUMBER})\)?(?:\*10\*\*\(?(-?\d+)\)?)?", result.replace(" ", ""))
                if formula and number and re.search(r"[-+*/(]", formula.lstrip("-")):
                    told = number[1] + (f"e{number[2]}" if number[2] else "")
                    self.hold(evaluated(formula), "=" if sign == "=" else "≈", told, f"{left}{sign}{right}",
                              largest(formula))  # fmt: skip


def joined(rows: list[str]) -> list[str]:
    """Rows that go on, below and further in, as one."""
    found: list[tuple[int, str]] = []
    for row in rows:
        text, at = row.strip(), len(row) - len(row.lstrip())
        if text and found and found[-1][1] and at > found[-1][0] and " × " not in found[-1][1]:
            begin, before = found[-1]
            if GOES_ON.match(text) or re.search(r"( [-+×=≈~<>]|[·*/(,])$", before):
                found[-1] = begin, f"{before} {text}"
                continue
        found.append((at, text))
    return [text for _, text in found]


def exponent(text: str) -> int:
    """The power of ten of the last digit of a number."""
    mantissa, _, power = text.partition("e")
    return int(power or 0) - len(mantissa.partition(".")[2])


def largest(formula: str) -> float:
    """The largest of the numbers of a formula."""
    return max((abs(float(x)) for x in re.findall(NUMBER, formula)), default=1.0)


def evaluated(formula: str) -> float | None:
    """What comes out; None for what is no formula."""
    try:
        return float(eval(formula, {"__builtins__": {}}, FUNCTIONS))
    except (ArithmeticError, SyntaxError, TypeError, ValueError, NameError, AttributeError):
        return None


def plain(latex: str) -> str:
    """LaTeX as a formula of the calculator; empty where something is left that has no number."""
    text = latex.replace(r"\left", "").replace(r"\right", "").replace(r"\bigl", "").replace(r"\bigr", "")
    text = text.replace(r"\quad", " ").replace(r"\cdot", "*").replace("{}", "").replace(r"\,", " ").strip()
    if "ldots" in text:
        return ""
    while True:
        found = re.search(r"\\frac\{", text)
        if found is None:
            break
        first, at = braces(text, found.end() - 1)
        second, end = braces(text, at)
        text = f"{text[: found.start()]}(({first})/({second})){text[end:]}"
    text = re.sub(r"\\operatorname\{(\w+)\}", r"\1", text)
    text = re.sub(r"\\(exp|log|sin|cos|tanh|sinh|cosh|max|min|pi)\b", r"\1", text)
    text = text.replace(r"\sqrt{", "sqrt{").replace("^", "**").replace("{", "(").replace("}", ")")
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    bare = re.sub(rf"{NUMBER}|[-+*/(), ]|{'|'.join(FUNCTIONS)}", "", text)
    return "" if bare else re.sub(r"\s+", " ", text)


def unequal(latex: str) -> str:
    """Without the `=` in braces, which are of a condition under a sum and have no sides here."""
    depth, found = 0, []
    for character in latex:
        depth += (character == "{") - (character == "}")
        found.append("≡" if character == "=" and depth else character)
    return "".join(found)


def braces(text: str, at: int) -> tuple[str, int]:
    """What stands in the braces that open at `at`, and the place after them."""
    depth = 0
    for n in range(at, len(text)):
        depth += (text[n] == "{") - (text[n] == "}")
        if not depth:
            return text[at + 1 : n], n + 1
    raise ValueError(text)
