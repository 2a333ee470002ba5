"""Looking: numbers, where they come from, what is selected, how it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.spans import line
from bptui.model.base.typed import whole
from bptui.model.debugger.commands.row import Family, choice
from bptui.model.debugger.front_end import FrontEnd
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.view import DRAWN, PREDICTIONS, VIEWS

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.engine.graph import Node

family = Family("Look")
MAX_DISPLAYS = 50


@family.text(
    "why", "Where a number comes from: the terms of its value, what adds to its gradient, why it is 0 or absent",
    keys=("i",), short="why", usage="[NODE[i,j]|grad(NODE[i,j])]", complete="node",
)  # fmt: skip
def why(session: Session, text: str) -> Reply:
    from bptui.model.debugger.answers.why import why as tell

    return tell(session, text)


@family.nothing("producer", "To where the chosen number of the answer was made: in why and in paths enter does it")
def producer(session: Session) -> Reply:
    from bptui.model.debugger.answers import path_lines
    from bptui.model.debugger.answers import why as reasons

    answer = session.view.answer
    if answer is not None and answer.panel == "paths":
        return path_lines.producer(session, answer)
    if answer is not None and answer.panel == "why":
        return reasons.producer(session, answer)
    return say("nothing is asked yet: why and paths do", ok=False)


family.front_end(
    "claim", "Is this the gradient of the selected number? Proved, or refuted with a number that shows it",
    FrontEnd.do_claim, usage="[NAME =] FORMULA", complete="expression", needed=True,
)  # fmt: skip


@family.text(
    "paths", "All ways of a number to the loss, their products and their sum", keys=("p",), short="paths",
    usage="[NODE[i,j]]", complete="node",
)  # fmt: skip
def paths(session: Session, text: str) -> Reply:
    from bptui.model.debugger.answers.path_lines import tell

    return tell(session, text)


@family.nothing(
    "budget", "Where a captured step loses its digits: the rounding of each event, and what it does to the loss"
)
def budget(session: Session) -> Reply:
    from bptui.model.debugger.answers.budget import tell

    return tell(session)


@family.text("print", "The number(s) of an expression", usage="EXPR", complete="expression", needed=True)
def print_(session: Session, text: str) -> Reply:
    from bptui.model.debugger.expressions import expression as expressions
    from bptui.model.debugger.lines import evaluated

    return say(*evaluated(session, expressions.parse(text, session.graph)))


@family.text(
    "display", "Show an expression at every stop; alone: show all of them now", keys=("w",), line="display ",
    usage="[EXPR]", complete="expression",
)  # fmt: skip
def display(session: Session, text: str) -> Reply:
    from bptui.model.debugger.expressions import expression as expressions
    from bptui.model.debugger.lines import displayed, evaluated

    if text:
        expression = expressions.parse(text, session.graph)
        if len(session.displays) >= MAX_DISPLAYS:
            raise UserError("display", f"{MAX_DISPLAYS} expressions are displayed already", "undisplay some")
        if expression.text not in session.displays:
            session.displays.append(expression.text)
        return say(*evaluated(session, expression))
    return say(*displayed(session)) if session.displays else say("nothing is displayed; display EXPR does", ok=False)


@family.text("undisplay", "Stop showing an expression, by number; alone: all of them", usage="[N]")
def undisplay(session: Session, text: str) -> Reply:
    if not text:
        session.displays.clear()
        return say("nothing is displayed any more")
    number = whole(text, 1, len(session.displays))
    if number is None:
        raise UserError("undisplay", f"nothing is displayed as number {text[:40]}", "info display lists them")
    return say(f"{session.displays.pop(number - 1)} is not displayed any more")


@family.text(
    "select", "Select a node or element; alone: follow the moment again", aliases=("follow",),
    usage="[NODE[i,j]]", complete="node",
)  # fmt: skip
def select(session: Session, text: str) -> Reply:
    return session.select(text)


@family.text(
    "by", "Choose the input whose derivative is shown; alone: the next one", keys=("o",), short="input",
    usage="[INPUT]", complete="input",
)  # fmt: skip
def by(session: Session, text: str) -> Reply:
    view, answer = session.view, session.view.answer
    if not text and answer is not None and answer.panel == "paths":
        answer.order += 1
        return Reply()
    if not text and view.focus == PREDICTIONS:
        from bptui.model.debugger.answers.predictions import sort

        sort(session, not view.worst)
        return Reply()
    if not text:
        known = session.inputs
        return session.select_input((known.index(session.input) + 1) % len(known) if session.input is not None else 0)
    names = [session.graph.nodes[session.about.inputs[i]].name for i in session.inputs]
    if text not in names:
        right = did_you_mean(text, names, f"it has {', '.join(names)}" if names else "it has none")
        raise UserError("by", f"{session.node.name} has no input '{text[:40]}' with a derivative", right)
    return session.select_input(names.index(text))


@family.text(
    "view", "Operations, layers, neurons or the graph; alone: the next of them", keys=("v",), short="view",
    usage=f"[{'|'.join(VIEWS)}]", complete="|".join(VIEWS),
)  # fmt: skip
def view(session: Session, text: str) -> Reply:
    """A named one, or the next of those that this network has something to show in."""
    from bptui.model.debugger.dense_chain import columns

    graph = session.graph
    dense = not isinstance(columns(graph), str)
    if not text and session.view.composite:  # what `next` came to is one operation: open it first
        session.view.composite = False
        return say(f"view: operations, {session.node.name} by itself")
    layers, drawn = bool(graph.layers or graph.composite_calls), len(graph.ops) <= DRAWN
    has = {"operations": True, "layers": layers, "neurons": dense, "graph": drawn}
    after = VIEWS.index(session.view.mode) + 1
    mode = choice(text, VIEWS, "view") if text else next(v for v in (*VIEWS[after:], *VIEWS) if has[v])
    only = "" if text or mode != session.view.mode else ", the only one: it has no layers"
    session.view.mode, session.view.page = mode, 0
    return say(f"view: {mode}{only}")


@family.nothing("raw", "The derivative as SymPy gave it, and back", keys=("r",), short="raw")
def raw(session: Session) -> Reply:
    session.view.raw, session.view.page = not session.view.raw, 0
    return say("the derivative as SymPy gave it" if session.view.raw else "the derivative in its short form")


@family.text(
    "predictions", "Each sample with its prediction, its target and its loss; the largest loss first",
    usage="[worst|json]", complete="worst|json",
)  # fmt: skip
def predictions(session: Session, text: str) -> Reply:
    """A panel where there is a screen, else the table."""
    from bptui.model.base.printable import json_text
    from bptui.model.debugger.answers.prediction_lines import as_json, report
    from bptui.model.debugger.answers.predictions import sort

    form = choice(text, ("worst", "json"), "predictions") if text else ""
    if form == "json":
        return say(json_text(as_json(session, session.view.worst)))
    session.view.focus = PREDICTIONS
    sort(session, form == "worst")
    return say(*report(session, session.view.worst), seen=True)


@family.text(
    "sample",
    "All samples of the batch, their mean, or one, which everything then follows",
    usage="[all|mean|N]",
    complete="all|mean",
)
def sample(session: Session, text: str) -> Reply:
    from bptui.model.debugger.answers.why import follow

    number = whole(text)
    if number is None and text not in ("", "all", "mean"):
        raise UserError("sample", f"'{text[:40]}' is not a sample", "all, mean, or its number from 0")
    if number is None:
        session.view.sample = "mean" if text == "mean" else "all"
        return say("the mean of the samples" if text == "mean" else "all samples")
    count = session.network.samples
    if number >= count:
        right = f"0 to {count - 1}" if count else "the first axis is of samples only where [data] brings a batch"
        raise UserError("sample", f"there is no sample {number}", right)
    session.view.sample = session.view.predicted = number
    follow(session)
    return say(f"everything follows sample {number}; sample all shows the batch again")


@family.text(
    "search", "Search nodes by name, layer or operation; of a captured step by file and line", keys=("slash",),
    line="search ", aliases=("/",), usage="TEXT", complete="node", needed=True,
)  # fmt: skip
def search(session: Session, text: str) -> Reply:
    session.view.search = text[:200]
    return _search(session, 1)


@family.nothing("search-next", "The next match", keys=("full_stop",), twin="search-previous")
def search_next(session: Session) -> Reply:
    return _search(session, 1)


@family.nothing("search-previous", "The match before", keys=("comma",), twin="search-next")
def search_previous(session: Session) -> Reply:
    return _search(session, -1)


def _search(session: Session, direction: int) -> Reply:
    if not session.view.search:
        return say("nothing was searched for yet; / does", ok=False)
    found = [node.id for node in _matches(session)]
    if not found:
        return say(f"no node matches '{session.view.search}'", ok=False)
    here = session.node.id
    ahead = [i for i in (found if direction > 0 else reversed(found)) if (i - here) * direction > 0]
    target = ahead[0] if ahead else found[0 if direction > 0 else -1]
    reply = session.select(target)
    return say(line(*reply.lines[0], (f"  match {found.index(target) + 1} of {len(found)}", "dim")))


def _matches(session: Session) -> list[Node]:
    """The nodes that were searched for: by part of name, layer, operation or role, of a captured step by file and line
    as well, whatever the case."""
    wanted, modules = session.view.search.casefold(), session.network.modules

    def words(node: Node) -> Iterator[str]:
        yield from (node.name, node.scope, node.role, node.op.name if node.op else "")
        if modules is not None:
            yield from modules.words(node.id)

    return [node for node in session.graph.nodes if any(wanted in word.casefold() for word in words(node))]
