"""The cause once, not its symptoms: findings in order of importance, and what follows from one folded into it."""

from __future__ import annotations

from collections.abc import Sequence

from bptui.model.debugger.findings.finding import Finding


def ranked(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Most important first: as the rules are, errors and warnings before notes."""
    return tuple(sorted(findings, key=lambda finding: finding.severity == "note"))
