"""A session that is saved and restored is the one that it was; a file can set what a user sets, and nothing else."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bptui.keeper import Keeper
from bptui.model.base.errors import UserError
from bptui.model.debugger import saved
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.edit import Edit
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_formula, from_mapping, load

XOR = load("xor")
OF = saved.fingerprint(XOR)
LINES = (
    "break layer1.z if loss < 0.3", "tbreak relu", "break backward", "watch layer2.bias", "break if step > 3",
    "break step 3 backward layer1.z", "disable 1", "ignore 1 2", "display loss", "display grad(layer1.z)", "mark",
    "mark here", "goto backward", "goto step 4 layer2.z", "train 2", "set lr = 0.5", "set layer1.weight[0,1] = 0.25",
    "set layer2.weight = layer2.weight * 2", "undo", "redo", "set layer1.activation = tanh", "jump here", "delete 1",
    "nudge layer1.weight[0,1] 0.1", "nudge-back", "select layer2.bias", "branch 0", "branch 1", "set seed = 5", "step",
)  # fmt: skip


def facts(session: Session) -> object:
    """Everything that is to be there again."""
    content = saved.content_of(session, OF)
    return content, [branch.edits for branch in session.branches], session.recording.loss


def again(session: Session, path) -> Session:
    """Saved, and restored in a new one."""
    saved.write(session, path, OF)
    other = Session(session.branches[0].network)
    reply = saved.restore(other, saved.read(path, OF))
    assert reply.ok, reply.text
    return other


@settings(max_examples=30)
@example(["tbreak relu", "display layer1.z", "set layer1.activation = tanh"])  # it fits the other branch
@given(st.lists(st.sampled_from(LINES), max_size=8))
def test_what_is_restored_is_what_was_saved(tmp_path_factory, lines):
    session = Session(XOR)
    for text in lines:
        try:
            run(session, text)
        except UserError:
            continue  # no such mark or number yet
    other = again(session, tmp_path_factory.mktemp("saved") / "a.json")
    was, now = facts(session), facts(other)
    assert was[0] == now[0]
    assert [[edit.text for edit in edits] for edits in was[1]] == [[edit.text for edit in edits] for edits in now[1]]
    assert was[2] == now[2] or was[2] != was[2]
    for old, new in zip(session.branches, other.branches, strict=True):
        for param in old.graph.params:
            assert old.history.recording(2).after(param).tobytes() == new.history.recording(2).after(param).tobytes()


def test_a_changed_network_is_said_and_what_fits_is_there(tmp_path):
    session = Session(from_formula("h = w*x; L = (h - y)**2", {"w": 2.0, "x": 1.0, "y": 0.5}, ["w"]))
    for text in ("break h", "display h", "set lr = 0.5", "goto end"):
        run(session, text)
    path = tmp_path / "a.json"
    saved.write(session, path, saved.fingerprint(session.network))
    other = Session(from_formula("L = (w*x - y)**2", {"w": 2.0, "x": 1.0, "y": 0.5}, ["w"]))
    found = saved.read(path, saved.fingerprint(other.network))
    assert "the network has changed since" in found.offer()
    reply = saved.restore(other, found)
    assert not reply.ok
    assert "the network has changed since" in reply.text
    assert "break h: 'h' is no place" in reply.text
    assert other.branch.edits[-1].said == "lr = 0.5"


def test_a_remedy_is_tried_again_and_one_that_no_command_makes_is_said(tmp_path):
    session = Session(load("xor-stuck"))
    of = saved.fingerprint(session.network)
    for said in ("set layer1.activation = tanh", "set layer1.activation = elu; set seed = 3", "without layer1"):
        network = session.branches[0].network
        document = network.document
        if said.startswith("set "):
            for part in said.split("; "):
                key, _, value = part.removeprefix("set ").partition(" = ")
                document = document.changed(document.path(key), {"3": 3}.get(value, value))
            network = from_mapping(document.content, document.where, document.folder)
        session.switch(session.branches[0], "")
        session.edit(Edit(0, said, network, anew="drawn"))
    session.switch(session.branches[2], "")
    saved.write(session, tmp_path / "a.json", of)
    other = Session(session.branches[0].network)
    reply = saved.restore(other, saved.read(tmp_path / "a.json", of))
    assert "set without layer1: 'without layer1' is not NAME = VALUE" in reply.text
    assert other.branch.edits[-1].text == session.branch.edits[-1].text
    for old, new in zip(session.branches[:3], other.branches, strict=True):
        for param in old.graph.params:
            assert old.history.recording(2).after(param).tobytes() == new.history.recording(2).after(param).tobytes()


def test_the_offer_says_where_and_what(tmp_path):
    session = Session(XOR)
    for text in ("goto backward", "break layer1.z", "watch loss", "mark"):
        run(session, text)
    saved.write(session, tmp_path / "a.json", OF)
    assert saved.read(tmp_path / "a.json", OF).offer() == (
        ":restore goes on at training step 0 backward 1/5 loss seed 1, 2 breakpoints, 1 mark"
    )


GOOD = {"format": saved.FORMAT, "network": OF, "where": "here", "place": [0, 0, 3], "edits": [], "breakpoints": [],
        "displays": [], "marks": []}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"format": 1}, {"place": [0, -1, 0]}, {"place": [0, 10**9, 0]}, {"place": [0, 0]}, {"place": "end"},
        {"edits": {}}, {"edits": [["lr = 1"]]}, {"edits": [[1, [0, 0, 0]]]}, {"breakpoints": ["break loss"]},
        {"breakpoints": [["break loss", 1, 0]]}, {"displays": [3]}, {"displays": ["x"] * 2_000},
        {"marks": [["a", [0, True, 0]]]}, {"where": None}, {"more": 1}, {"network": 5},
    ],
)  # fmt: skip
def test_a_file_that_is_no_session_is_refused(tmp_path, change):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(UserError) as told:
        saved.read(path, OF)
    assert str(told.value).startswith("a.json")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[" * 100_000, b"{}", b"null", b'{"a": 1e999999}', b"x" * 2**21]
)
def test_hostile_bytes_are_refused(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UserError):
        saved.read(path, OF)


def test_nothing_but_what_a_user_sets_comes_of_a_file(tmp_path):
    """Commands, other words, control characters: what it is about is refused one by one, and the rest is there."""
    path, there = tmp_path / "a.json", tmp_path / "made"
    rows = [
        "write " + str(there),
        "quit",
        "source /etc/passwd",
        "break \x1b[2J",
        "watch __import__('os')",
        "break loss",
    ]
    content = {**GOOD, "breakpoints": [[row, True, 0] for row in rows], "displays": ["\x1b]52;c;x\x07", "loss"],
               "edits": [[f"seed = __import__('os').mkdir('{there}')", [0, 0, 0]], ["lr = 2", [7, 0, 0]]],
               "marks": [["\x1b[2J", [0, 1, 1]], ["x", [5, 0, 0]]], "where": "\x1b[2J"}  # fmt: skip
    path.write_text(json.dumps(content))
    session = Session(XOR)
    found = saved.read(path, OF)
    assert found.offer().isprintable()
    reply = saved.restore(session, found)
    assert not there.exists()
    assert [row.target for row in session.breakpoints.rows.values()] == ["loss"]
    assert session.displays == ["loss"]
    assert session.stop == 3
    assert len(reply.lines) >= 9


def test_a_corrupt_session_is_set_aside_and_named(tmp_path):
    keeper = Keeper("xor", "example xor", tmp_path)
    keeper.path.parent.mkdir()
    keeper.path.write_text("{not json")
    session = Session(XOR)
    said = keeper.begin(session)
    assert "not JSON" in said
    assert f"it is set aside as {keeper.path}.bad" in said
    assert session.saved is None
    assert not keeper.path.exists()
    assert "nothing is kept" in run(session, "restore").text
    run(session, "step")
    assert keeper.end(session) == ""
    assert ":restore goes on" in keeper.begin(Session(XOR))


def test_what_was_only_looked_at_does_not_take_the_place_of_a_session(tmp_path):
    keeper, first, second = Keeper("xor", "example xor", tmp_path), Session(XOR), Session(XOR)
    assert keeper.begin(first) == ""
    run(first, "goto backward")
    keeper.end(first)
    assert "backward 1/5" in keeper.begin(second)
    keeper.end(second)
    assert "backward 1/5" in keeper.begin(Session(XOR))


def test_a_folder_that_takes_nothing_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    keeper, session = Keeper("xor", "example xor", tmp_path / "file"), Session(XOR)
    assert keeper.begin(session) == ""
    run(session, "step")
    assert "could not be kept" in keeper.end(session)


def test_targets_have_files_of_their_own(tmp_path):
    paths = {Keeper(name, identity, tmp_path).path for name, identity in
             [("xor", "example xor"), ("xor.toml", "file /a/xor.toml"), ("xor.toml", "file /b/xor.toml"),
              ("formula", "formula L = x"), ("../../etc/\0", "file x"), ("\ud800", "\ud800")]}  # fmt: skip
    assert len(paths) == 6
    assert all(path.parent == tmp_path / "sessions" for path in paths)
