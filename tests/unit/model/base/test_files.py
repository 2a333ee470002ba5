"""Files that are near, and what the beginning of a path can go on as."""

import pytest

from bptui.model.base.files import offered

ENDINGS = (".toml", ".bptui")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "nets").mkdir()
    (tmp_path / "step.bptui").mkdir()
    for name in ("net.toml", "net.txt", ".hidden.toml", "nets/a b.toml", "x\x1b.toml"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["net.toml", "nets/", "step.bptui"]),
        ("ne", ["net.toml", "nets/"]),
        ("nets/", ["nets/a b.toml"]),
        ("./st", ["./step.bptui"]),
        (".h", [".hidden.toml"]),
        ("nosuch/", []),
        ("x\0", []),
        ("~nobody-of-that-name/", []),
    ],
)
def test_a_path_goes_on_as_files_and_folders(typed, found):
    assert offered(typed, ENDINGS) == found


def test_without_endings_every_file_is_offered(here):
    assert offered("net.") == ["net.toml", "net.txt"]
    assert offered(f"{here}/net.t", ENDINGS) == [f"{here}/net.toml"]
