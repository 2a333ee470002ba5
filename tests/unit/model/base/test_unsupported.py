"""What later versions will have is told where someone tries it, and is never taken for something else."""

import pytest

from bptui.model.base import unsupported
from bptui.model.base.errors import UserError
from bptui.model.source.network import load


def test_nothing_is_promised_that_is_already_there():
    assert not {".toml", ".json"} & set(unsupported.FILES)


@pytest.mark.parametrize("suffix", unsupported.FILES)
def test_a_file_of_another_kind_says_what_to_do_with_it(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"\x80\x02}")
    with pytest.raises(UserError, match="is not a network file") as told:
        load(str(path))
    assert told.value.right == unsupported.FILES[suffix]
