"""TOML and JSON of others: what is beyond a limit is refused before it is parsed, all else is what the parsers say."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.documents import MAX_DEPTH, MAX_PARTS, MAX_WORD, from_json, toml
from bptui.model.base.errors import UserError
from bptui.model.source.examples import examples, text_of


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (".".join(["a"] * 60_000) + "=1", "a key of 60,000 parts (at most 10)"),
        (" . ".join(['"a"'] * 60_000) + "=1", "a key of 60,000 parts"),
        (f"[{'.'.join(['a'] * 11)}]", "a key of 11 parts"),
        ("x = {" + ".".join(["a"] * 11) + " = 1}", "a key of 11 parts"),
        ("a = 1\nb = " + "1" * 310, "f line 2: a key or a number of 310 characters"),
        ("k" * 300 + " = 1", "a key or a number of 300 characters"),
        ("a = " + "[" * 10**6, "nested too deep"),
        ("a = " + "{a=" * 10**4, "nested too deep"),
        ("\n".join(f"[k{n}.a]" for n in range(20_000)), "too many keys"),
        ("\n".join(f"k{n}=1" for n in range(100_001)), "too many keys"),
        ('a = """' + "\\" * 10**6, "not TOML"),
        ('"' * 10**6, "not TOML"),
    ],
    ids=range(12),
)
def test_toml_beyond_a_limit_is_refused(text, said):
    with pytest.raises(UserError) as told:
        toml(text, "f")
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 10**6, "nested too deep"),
        ('{"a":' * 10**5, "nested too deep"),
        ("1" * 5000, "a key or a number"),
        ("{", "JSON"),
    ],
    ids=range(4),
)
def test_json_beyond_a_limit_is_refused(text, said):
    with pytest.raises(UserError) as told:
        from_json(text, "f")
    assert said in str(told.value)


def test_what_stands_in_texts_and_comments_is_no_structure():
    long = "a." * 1000 + "[" * 1000 + "x" * 1000
    text = f'a = "{long}" # {long}\nb = \'{long}\'\nc = """\n{long}"" """\nd = \'\'\'{long}\n\'\'\'\n'
    assert toml(text, "f") == tomllib.loads(text)
    assert from_json(json.dumps({"a": long}), "f") == {"a": long}


def test_the_limits_themselves_are_allowed():
    deep = ".".join(["a"] * MAX_PARTS)
    text = f"{deep} = 1\nn = {'1' * MAX_WORD}\nl = {'[' * MAX_DEPTH}{']' * MAX_DEPTH}"
    assert toml(text, "f") == tomllib.loads(text)


def test_the_examples_are_read_as_tomllib_reads_them():
    for name, _ in examples():
        assert toml(text_of(name), name) == tomllib.loads(text_of(name))


LEAVES = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=30)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
)


@given(TREES)
def test_json_is_what_the_parser_says(value):
    assert from_json(json.dumps(value, ensure_ascii=False), "f") == value


@given(st.text(alphabet="ab.\"'#[]{}=\n \\,1", max_size=80))
def test_any_text_is_read_as_tomllib_reads_it_or_refused(text):
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        expected = None
    try:
        found = toml(text, "f")
    except UserError:
        found = None
    assert found == expected or found is None
