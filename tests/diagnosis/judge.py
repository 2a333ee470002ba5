"""What a diagnosis is worth on a network whose fault is known: found, in the right place, first of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from bptui.model.debugger.findings.finding import Diagnosis, Finding


@dataclass(frozen=True)
class Truth:
    """A right answer: a type of fault, and the places of which a finding has to name one (`any`: it need not)."""

    type: str
    places: tuple[str, ...] = ("any",)

    def says(self, finding: Finding) -> bool:
        """Is this what the finding says?"""
        near = any(fnmatch(place, wanted) for place in finding.places for wanted in self.places)
        return finding.type == self.type and ("any" in self.places or near)


@dataclass(frozen=True)
class Verdict:
    """found  there is a warning or an error · located  one of them, or one that is folded into one, is right ·
    first  the first is."""

    found: bool
    located: bool
    first: bool


def all_of(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings with those that are folded into them."""
    for finding in findings:
        yield finding
        yield from all_of(finding.therefore)


def worrying(diagnosis: Diagnosis) -> list[Finding]:
    """The errors and warnings that are told."""
    return [finding for finding in diagnosis.findings if finding.severity != "note"]


def verdict(diagnosis: Diagnosis, truth: Sequence[Truth]) -> Verdict:
    """Of a network that has a fault: any of these answers is right."""
    told = worrying(diagnosis)
    located = any(each.says(finding) for finding in all_of(told) for each in truth)
    return Verdict(bool(told), located, bool(told) and any(each.says(told[0]) for each in truth))


def alarms(diagnosis: Diagnosis, allowed: Sequence[str] = ()) -> list[Finding]:
    """Of a network that has none: the errors and warnings, but for types that are true of it."""
    return [finding for finding in all_of(worrying(diagnosis)) if finding.type not in allowed]


def truths(rows: Iterable[Mapping[str, Sequence[str] | str]]) -> tuple[Truth, ...]:
    """As the table of cases has them."""
    return tuple(Truth(str(row["type"]), tuple(row["places"])) for row in rows)
