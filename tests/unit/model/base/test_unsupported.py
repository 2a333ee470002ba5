"""What later versions will have is told where someone tries it, and is never taken for something else."""

import pytest

from bptui.model.base import unsupported
from bptui.model.base.errors import UserError
from bptui.model.debugger.commands import registry
from bptui.model.source.examples import examples
from bptui.model.source.network import load


def test_nothing_is_promised_that_is_already_there():
    words = set(registry.table())
    assert not words & {word for name, (keys, _) in unsupported.WORDS.items() for word in (name, *keys)}
    assert not {".toml", ".json"} & set(unsupported.FILES)


@pytest.mark.parametrize("word", [word for name, (keys, _) in unsupported.WORDS.items() for word in (name, *keys)])
def test_a_word_or_key_of_later_says_what_to_do_today(word):
    with pytest.raises(UserError, match="is not part of this version") as told:
        registry.find(word)
    assert told.value.right


def test_what_is_advised_is_there():
    said = " ".join(
        [*unsupported.SHELL.values(), *(text for _, text in unsupported.WORDS.values()), *unsupported.PYTHON.values()]
    )
    assert "lesson-2-2-1" in dict(examples())
    assert "print" in said
    registry.find("print")


@pytest.mark.parametrize("suffix", unsupported.FILES)
def test_a_file_of_another_kind_says_what_to_do_with_it(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"\x80\x02}")
    with pytest.raises(UserError, match="is not a network file") as told:
        load(str(path))
    assert told.value.right == unsupported.FILES[suffix]
