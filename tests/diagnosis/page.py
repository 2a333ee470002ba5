"""docs/diagnosis.md: `python -m tests.diagnosis.page > docs/diagnosis.md` (a few minutes: every case is run).

A test compares the part that is made from the rules; the figures are asserted in tests/diagnosis/.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bptui.model.debugger.findings.diagnose import diagnose, trials
from bptui.model.debugger.findings.finding import Diagnosis
from bptui.model.debugger.findings.rules import RULES
from bptui.model.debugger.findings.text import verdict as shown
from tests.diagnosis import own, programs, published
from tests.diagnosis.judge import Verdict, alarms, verdict, worrying

SEEDS = (0, 7)
HEAD = """\
# Diagnosis

    bptui diagnose TARGET [--steps N] [--json]

trains a network for its own number of steps (at most 200, or `--steps N`), asks the rules below what is wrong, and
tries what would help. Most important first; what follows from a finding stands under it (`therefore`), not beside it.
Exit 1 where there is a warning or an error.

- **Error**: exact, or it cannot be meant. **Warning**: beyond what healthy networks show, by a factor of two or more.
  **Note**: worth knowing; no alarm.
- **Remedies are tried, not advised.** Each is a change as `set` takes it, of the network's file or of a line of its
  formula, trained for the same steps on the same seed; `✓` where the loss that it reached (the mean of the last steps)
  is at least a twentieth less (any, where it ended in NaN before). Its initial values are those that the changed file
  draws; `set` typed in a session keeps those it has.
  Where the loss itself or its targets change, what was reached is said in terms of the first loss; where that cannot
  be, so.
- **ρ, the real over the promised change of the loss.** At the Moment after an update the loss is evaluated once more,
  on the same batch with the same dropout masks, at w + Δw; running statistics, optimizer, parameters stay as they are.
  ρ = ΔL/(g·Δw): 1 where the loss is straight that far, ½ at the lowest point along the step, below 0 past it. It is of
  the step that was taken (momentum, Adam, clipping included), and costs a forward pass. Too high: ρ < 0, and the
  training suffered. Too low: ρ ≥ 0.85 at ten times the step, and at this pace the planned steps lead nowhere.
- **NaN and inf have a life**: the operation and the element at which the first was born, of which numbers, and which
  limit was hit (log 0, 0/0, exp of 710, …); what it spread to, what masked it, where the backward pass makes one anew,
  whether it reaches an update or is harmless; the NaN that an inf becomes. `wanted` in the debugger silences one.
- **Of a captured step of PyTorch** ([pytorch.md](pytorch.md)) the same rules are asked, as far as one step tells, and
  those that need `capture`. What a training begins with (initial values, the first loss) is not held against a step
  that is not known to be the first. What would have to be changed in the program is said, and not tried.

JSON: `{"format": 1, "target", "steps", "findings": [{"rule", "type", "severity", "places", "node", "phase",
"training_step", "element", "number", "threshold", "source", "text", "evidence": […], "therefore": [findings],
"remedies": [{"change", "text", "loss_before", "loss_after", "note"}], "advice": [texts]}], "looked_for":
[{"rule", "about", "found", "skipped"}]}`. Numbers that are not finite are the strings `"nan"`, `"inf"`, `"-inf"`.
"""
TAIL = """\
## How to read these figures

The limits of the rules come from published tools and from what healthy networks show (a factor of two beyond it), and
were looked at on the pairs above: they are no blind test. The networks of `tests/diagnosis/own.py` have other widths,
data, losses, optimizers and layers. On their first run the rules found 95 % of 590 planted faults and raised no alarm;
most of what was missed was no fault (a rate a hundred times as high that learns to 0 all the same) and is left out
now, and rules were changed after it (dead units in batches of two, an output behind a mean, rates whose harm a trial
shows, parity). So these figures, too, are those of cases that were seen.

Of captured steps there was a blind test: 52 PyTorch programs with one slip each, and their repaired twins, written
before the rules for them were read. The slip was named first in 35 of 52, and no twin was accused; then rules were
mended and added. A second such set of 22, of kinds chosen to be missed, found 11 of 22 named first and 2 twins accused;
then those, too, were mended (19 of 22, none accused: no blind figure any more).

Not told: too few units where nothing else is wrong; labels that were shuffled and are learnt by heart all the same (a
tenth better than random ones, or to less than half the loss of a constant answer); a rate too high that does no harm.

The best published tool of rules detects 46 of 53 such programs and locates 34 (DeepDiagnosis, ICSE 2022, its Table 6),
and calls 68 of 188 normal models faulty.
"""


def rules() -> Iterator[str]:
    """The table of rules, from their rows."""
    yield f"## The {len(RULES)} rules, most important first\n"
    yield "| rule | needs | finds |"
    yield "|---|---|---|"
    for rule in RULES:
        told = " ".join((rule.find.__doc__ or "").split())
        yield f"| {rule.name} | {rule.needs} | {told} |"
    yield "\nneeds: graph, the network and its data alone · step, the numbers of a training step · probe, the loss at"
    yield "other parameters · steps, several training steps · capture, a captured step, with what its program did.\n"


def share(count: int, of: int) -> str:
    """`53 of 53 (100 %)`."""
    return f"{count} of {of} ({100 * count / of:.0f} %)"


def figures(name: str, verdicts: Sequence[Verdict], alarmed: int, healthy: int) -> str:
    """A row of the table of figures."""
    found, located, first = (sum(getattr(v, key) for v in verdicts) for key in ("found", "located", "first"))
    count = len(verdicts)
    return (
        f"| {name} | {share(found, count)} | {share(located, count)} | {share(first, count)} | {alarmed} of {healthy} |"
    )


def helped(diagnosis: Diagnosis) -> str:
    """The first remedy that helped, of the most important finding that has one."""
    remedies = [remedy for finding in diagnosis.findings for remedy in finding.remedies]
    return next((remedy.text for remedy in remedies if shown(remedy)[0] == "✓"), "–")


def captured() -> str:
    """The row of the PyTorch programs, of each of which one training step is captured."""
    with TemporaryDirectory() as folder:
        found = [(each, *(diagnose(each.captured(which, Path(folder))) for which in ("buggy", "fixed")))
                 for each in programs.PROGRAMS]  # fmt: skip
    judged = [verdict(buggy, each.truth) for each, buggy, _ in found]
    cried = sum(bool(alarms(fixed)) for _, _, fixed in found)
    return figures("PyTorch programs and repaired twins, one captured step", judged, cried, len(found))


def cases() -> Iterator[str]:
    """The figures, and a row for each pair."""
    rows, verdicts, alarmed = [], [], 0
    by_type: dict[str, list[Verdict]] = defaultdict(list)
    for pair in published.PAIRS:
        diagnosis = diagnose(pair.network("buggy"))
        judged = verdict(diagnosis, pair.truth)
        verdicts.append(judged)
        by_type[pair.truth[0].type].append(judged)
        cried = alarms(diagnose(pair.network("fixed")), pair.true_of_fixed)
        alarmed += bool(cried)
        for tried in trials(diagnosis):
            diagnosis = tried
        told = worrying(diagnosis)
        mark = "✓" if judged.first else "located" if judged.located else "found" if judged.found else "missed"
        first = f"{told[0].type}, {told[0].places[0]}" if told else "–"
        rows.append(f"| {pair.name} | {pair.fault} | {first} | {mark} | {helped(diagnosis)} | {len(cried) or '–'} |")
    quiet = sum(bool(alarms(diagnose(published.healthy(name)))) for name in published.HEALTHY)
    drawn = [(name, content) for seed in SEEDS for name, content in own.healthy(seed)]
    cried_own = sum(bool(alarms(diagnose(own.network(content)))) for _, content in drawn)
    planted = []
    missed: dict[str, list[str]] = defaultdict(list)
    for name, content in drawn:
        for fault, made, truth in own.planted(content):
            planted.append(verdict(diagnose(own.network(made)), truth))
            if not planted[-1].first:
                missed[fault].append(name)
    yield "## Figures\n"
    yield "| networks | detected | located | by the first finding | false alarms |"
    yield "|---|---|---|---|---|"
    yield figures("pairs after published programs and repaired twins", verdicts, alarmed, len(published.PAIRS))
    yield captured()
    yield figures("faults planted in networks of our own, without them", planted, cried_own, len(drawn))
    yield f"| healthy networks beside the pairs | | | | {quiet} of {len(published.HEALTHY)} |\n"
    yield "Missed, or not told first, of the planted faults:\n"
    yield from (
        f"- {fault}, in {', '.join(sorted(set(where)))}: {own.HARD.get(fault, 'not known why')}"
        for fault, where in missed.items()
    )
    yield ""
    yield "| fault | pairs | detected | located | first |"
    yield "|---|---|---|---|---|"
    for kind, judged_all in sorted(by_type.items()):
        counts = (sum(getattr(v, key) for v in judged_all) for key in ("found", "located", "first"))
        yield f"| {kind} | {len(judged_all)} | {' | '.join(map(str, counts))} |"
    yield "\n## The pairs\n"
    yield "| pair | fault | first finding | right | remedy that helped | alarms on the repaired one |"
    yield "|---|---|---|---|---|---|"
    yield from rows
    yield ""


def page() -> str:
    """All of it."""
    return "\n".join((HEAD, *rules(), *cases(), TAIL))


if __name__ == "__main__":
    print(page(), end="")
