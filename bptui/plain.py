"""The debugger line by line: for pipes, `TERM=dumb`, scripts and screen readers. The same session, the same commands.

Every move says where it has come to and what happens there, in words and numbers; nothing depends on a place on a
screen, on colour, or on a cursor.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from time import monotonic
from typing import TextIO

from bptui.model.base.errors import UserError
from bptui.model.base.printable import printable
from bptui.model.base.spans import Line, Span
from bptui.model.base.spans import plain as text_of
from bptui.model.debugger import lines
from bptui.model.debugger.answers import export, path_lines
from bptui.model.debugger.commands import registry
from bptui.model.debugger.commands.completion import complete
from bptui.model.debugger.commands.help import help_here
from bptui.model.debugger.expectation import expect
from bptui.model.debugger.front_end import FrontEnd
from bptui.model.debugger.progress import interruptible
from bptui.model.debugger.reply import Reply
from bptui.model.debugger.script import MAX_LENGTH, ScriptLine
from bptui.model.debugger.session import Session
from bptui.model.source.network import Network
from bptui.plain_moment import moment
from bptui.recorder import Recorder
from bptui.surroundings import ALONE, Surroundings
from bptui.symbolic.card.factor import chain
from bptui.symbolic.service import Service

PROMPT = "(bptui) "
CHANGES = ("select", "by", "raw")
"""Commands that change what is to be told of the same Moment: it is told again."""
PATIENCE = (1.0, 5.0)
"""Seconds until something long is said to be running, and from then on between two words about it."""


class Plain(FrontEnd):
    """One session on two streams: `write` prints a line, `complain` a message. Where it is `watched`, somebody is at
    the terminal: ctrl+c ends what runs, and no more."""

    def __init__(
        self, session: Session, write: Callable[[str], None], complain: Callable[[str], None], unicode: bool = True
    ) -> None:
        self.session, self.complain, self.unicode = session, complain, unicode
        self.service = Service()
        self.recorder: Recorder | None = None
        self.done = False
        self.last = ""
        self._write, self._said = write, list[str]()
        self.watched, self._next_word = False, 0.0
        session.progress.ask = self._progress

    def write(self, text: str) -> None:
        """Print a line."""
        self._said.append(text)
        self._write(text)

    def announce(self, answer: Sequence[Line] = ()) -> None:
        """Say where we are, and what happens here; or, in its place, an answer."""
        session = self.session
        here = [session.where(), *answer, *lines.displayed(session)]
        for row in here if answer else moment(session, self.service, self.unicode):
            self.write(text_of(row).rstrip())

    def command(self, text: str) -> None:
        """Carry out one command line, and the lines that it stands for; UserError where that cannot be. An empty one
        repeats the last move, as in gdb."""
        waiting = [ScriptLine(text.strip() or self.last)]
        while waiting and not self.done:
            line = waiting.pop()
            try:
                reply = self._one(line)
            except UserError as error:
                self._record(line, error)
                raise
            if not reply.then:
                self._record(line, None)
            waiting += reversed(reply.then)

    def _record(self, line: ScriptLine, error: UserError | None) -> None:
        """Into the recording; but what is expected of this text is not what would be expected of a screen."""
        if self.recorder is not None and not line.text.startswith("expect"):
            self.recorder.command(self.session, line.text, error)

    def _progress(self, part: float, what: str) -> bool:
        """Say from time to time how far something long has come; it goes on."""
        if self.watched and monotonic() >= self._next_word:
            self._next_word = monotonic() + PATIENCE[1]
            self.complain(f"{what or 'working'}: {part:.0%}, ctrl+c ends it")
        return True

    def _one(self, line: ScriptLine) -> Reply:
        try:
            command, _ = registry.lookup(self.session, line.text)
            self._next_word = monotonic() + PATIENCE[0]
            with interruptible(self.session.progress) if self.watched else nullcontext():
                reply = registry.run(self.session, line)
                self.session.recorded  # noqa: B018  # run here, for what is said of it
            word = "" if command is None else command.word
            if word not in ("", "expect"):
                self._said.clear()
            if reply.asks is not None:
                reply.asks(self)
        except UserError as error:
            raise registry.located(line, error) from None
        self.last = line.text if reply.moved and not reply.seen else ""
        if reply.asks is not None:
            return reply
        if reply.moved:
            for row in reply.lines[:1]:
                note = text_of(row).removeprefix(text_of(self.session.where())).strip()
                if note:
                    self.write(note)
            self.announce(reply.lines[1:] if reply.seen else ())
        else:
            for row in reply.lines:
                self.write(text_of(row).rstrip())
            if word in CHANGES and reply.ok:
                self.announce()
            if word == "paths" and reply.ok:
                self._chain()
        return reply

    def _chain(self) -> None:
        """The largest path as one line, in the names of its derivations, which are waited for; and in numbers."""
        answer = self.session.view.answer
        made = path_lines.paths_of(self.session, answer.text if answer is not None else "")
        if isinstance(made, str) or not made.best:
            return
        path, recording = made.best[0], self.session.recording
        if not chain(recording, self.service, made, path, self.unicode):
            self.service.wait()
        written = chain(recording, self.service, made, path, self.unicode)
        if written:
            factors, product, _ = path_lines.printed(made).rows[0]
            self.write(f"  {text_of(written)}")
            self.write(f"  in numbers {text_of(path_lines.in_numbers(factors, product))}")

    def do_quit(self, text: str) -> None:
        """End it."""
        self.done = True

    def do_findings(self, chosen: bool) -> None:
        """Print all findings, or the chosen one; the remedies are tried before."""
        from bptui.model.debugger.findings.diagnose import trials
        from bptui.model.debugger.findings.text import about, report

        branch = self.session.branch
        assert branch.diagnosis is not None
        for diagnosis in trials(branch.diagnosis, self.session.progress):
            branch.diagnosis = diagnosis
        finding = self.session.chosen_finding if chosen else None
        number = self.session.view.finding + 1
        for row in report(branch.diagnosis) if finding is None else about(finding, branch.diagnosis, number):
            self.write(text_of(row).rstrip())

    def do_help(self, word: str) -> None:
        """Print the table of commands, or what one of them does."""
        for row in help_here(self.session, word):
            self.write(row.rstrip())

    def do_claim(self, text: str) -> None:
        """Say what becomes of a claim; its algebra has an end."""
        from bptui.symbolic.against import claims

        for row in claims.answer(self.session, text):
            self.write(text_of(row).rstrip())

    def do_export(self, text: str) -> None:
        """Write a file, and say which; of the screen that there is none of, what would stand on it."""
        from bptui.screens import export as exported
        from bptui.screens.theme import THEMES

        with interruptible(self.session.progress) if self.watched else nullcontext():
            surface = exported.unseen(self.session, exported.SIZE, THEMES["dark"])
            for row in exported.export(self.session, exported.asked(self.session, text), surface).lines:
                self.write(text_of(row))

    def do_expect(self, text: str) -> None:
        """Hold what was said since the last command to it."""
        expect(self.session, text, "\n".join(self._said))

    def do_copy(self, form: str) -> None:
        """Print what a screen would copy."""
        self.write(export.copied(self.session, form or "text").rstrip())


def run(network: Network, lines: Sequence[str], *, batch: bool, unicode: bool, around: Surroundings = ALONE) -> int:
    """Debug on stdin and stdout, `lines` first; returns the exit code.

    It says first where we are, unless a batch has commands of its own. Without a reader at the terminal (a pipe, a
    script, `--batch`) the first command that fails ends it, with 2; with 1 where it stands in a script.
    """
    _leave_on_signals()
    stdin = sys.stdin
    if stdin is None and not batch:
        raise UserError("stdin", "there is nothing to read commands from", "a terminal, a pipe, or --batch with -ex")
    watched = not batch and stdin.isatty()
    front = Plain(Session(network), _writer(sys.stdout, unicode), _writer(sys.stderr, unicode), unicode)
    front.watched = watched
    if not batch or not lines:
        front.announce()
    front.recorder, keeper = around.recorder, around.keeper if watched else None
    for notice in (*around.notices, keeper.begin(front.session) if keeper is not None else ""):
        if notice:
            front.complain(notice)
    try:
        _carry_out(front, (*lines,) if batch else _lines(lines, stdin, watched, front), watched)
    finally:
        ends = (
            keeper.end(front.session) if keeper is not None else "",
            front.recorder.close() if front.recorder is not None else "",
        )
        for lost in filter(None, ends):
            front.complain(lost)
    front.service.close()
    return 0


def _carry_out(front: Plain, lines: Iterable[str], watched: bool) -> None:
    """Command lines up to their end or `quit`. What goes wrong is said where someone is watching, else it ends them."""
    for text in lines:
        try:
            front.command(text)
        except UserError as error:
            if not watched:
                raise
            front.complain(f"error: {error}")
        except KeyboardInterrupt:
            if not watched:
                raise
            front.complain("interrupted")
        if front.done:
            break


def _lines(first: Sequence[str], stdin: TextIO, prompt: bool, front: Plain) -> Iterator[str]:
    """Command lines: those given, then those of stdin up to its end."""
    yield from first
    ask = _editor(front.session) if prompt and stdin is sys.__stdin__ else None
    ask = ask or _reader(stdin)
    while True:
        try:
            text = ask(PROMPT if prompt else "")
        except UnicodeDecodeError:
            raise UserError("stdin", "is not text", "commands in UTF-8") from None
        except KeyboardInterrupt:
            if not prompt:
                raise
            front.complain("\nq leaves")
            continue
        if not text:
            if prompt:
                print()
            return
        if text.strip() or prompt:
            yield text


def _reader(stdin: TextIO) -> Callable[[str], str]:
    """Lines as they come; "" at the end."""

    def ask(prompt: str) -> str:
        if prompt:
            print(prompt, end="", flush=True)
        return stdin.readline(MAX_LENGTH + 2)

    return ask


def _editor(session: Session) -> Callable[[str], str] | None:
    """Lines that are edited and completed while they are typed, where the system can (readline); "" at the end."""
    try:
        import readline
    except ImportError:
        return None
    found: list[str] = []

    def candidate(_: str, number: int) -> str | None:
        nonlocal found
        if number == 0:
            text = readline.get_line_buffer()
            start = len(text.lstrip(": ").rpartition(" ")[0])
            found = [line[start:].lstrip() if start else line for line in complete(session, text)]
        return found[number] if number < len(found) else None

    readline.set_completer_delims(" ")
    readline.set_completer(candidate)
    readline.parse_and_bind("tab: complete")

    def ask(prompt: str) -> str:
        try:
            return input(prompt) + "\n"
        except EOFError:
            return ""

    return ask


def _writer(stream: TextIO, unicode: bool) -> Callable[[str], None]:
    def write(text: str) -> None:
        text = printable(text, keep="\n")
        if not unicode:
            from bptui.screens.render import to_ascii

            text = text_of(to_ascii((Span(text),)))
        print(text, file=stream, flush=True)

    return write


def _leave_on_signals() -> None:
    """SIGTERM and SIGHUP end it at once, with the exit code that says so, and without a word."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), leave)
