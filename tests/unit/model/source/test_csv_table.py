"""CSV files as people have them: classes by name, an index, the class first, 1 to 3, missing values, titles on top."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.debugger.answers import prediction_lines
from bptui.model.debugger.commands import registry
from bptui.model.debugger.session import Session
from bptui.model.source.csv_table import Wanted, read_csv
from bptui.model.source.network import load

IRIS = """\
,length,width,species
0,5.0,3.4,setosa
1,4.8,3.0,setosa
2,6.4,3.1,versicolor
3,7.1,3.0,virginica
"""
FIRST = "1,5.0,3.4\n1,4.8,3.0\n2,6.4,3.1\n3,7.1,3.0\n"
GAPS = "mpg,cyl,hp\n18,8,130\n25,4,?\n22,4,\n14,8,NaN\n30,4,90\n"
LABELS = Wanted(labels=True)


def read(text, wanted=LABELS):
    return read_csv(text, "d.csv", "n.toml: data.file", wanted)


def test_classes_by_name_become_numbers_as_they_sort_and_the_index_is_left_out():
    inputs, targets, notes, *_ = read(IRIS)
    assert inputs.tolist() == [[5.0, 3.4], [4.8, 3.0], [6.4, 3.1], [7.1, 3.0]]
    assert targets.tolist() == [[0], [0], [1], [2]]
    assert notes == (
        "d.csv: inputs length, width; targets species",
        "the first column only counts the rows: it is left out (input_columns takes it)",
        "classes: 0 = setosa, 1 = versicolor, 2 = virginica",
    )


def test_classes_have_the_order_that_is_given():
    order = ("virginica", "setosa", "versicolor")
    assert read(IRIS, Wanted(labels=True, classes=order)).targets.tolist() == [[1], [1], [2], [0]]
    with pytest.raises(UserError, match=r"line 5: 'virginica' is none of the classes"):
        read(IRIS, Wanted(labels=True, classes=("setosa", "versicolor")))


def test_the_class_may_stand_first_and_count_from_1():
    inputs, targets, notes, *_ = read(FIRST, Wanted((0,), labels=True))
    assert inputs[0].tolist() == [5.0, 3.4]
    assert targets.ravel().tolist() == [1, 1, 2, 3]
    assert notes == ('the smallest class is 1, and they count from 0: classes = "sorted" takes those as class numbers',)
    assert read(FIRST, Wanted((0,), labels=True, classes="sorted")).targets.ravel().tolist() == [0, 0, 1, 2]
    assert read(FIRST, Wanted((0,), labels=True, classes=(3, 2, 1))).targets.ravel().tolist() == [2, 2, 1, 0]


def test_numbers_that_are_classes_sort_as_numbers():
    assert read("1,10\n1,9\n1,2\n", Wanted(classes="sorted")).targets.ravel().tolist() == [2, 1, 0]


def test_columns_by_name_and_by_number_from_either_end():
    for inputs in (("width", "length"), (2, 1), (-2, "length")):
        assert read(IRIS, Wanted(("species",), inputs, labels=True)).inputs[0].tolist() == [3.4, 5.0]
    assert read(IRIS, Wanted(("species",), skip=("length", 0), labels=True)).inputs.tolist()[0] == [3.4]
    assert read(IRIS, Wanted(("species",), (0,), labels=True)).inputs.ravel().tolist() == [0, 1, 2, 3]


def test_a_row_in_which_a_value_is_missing_is_told_or_left_out():
    with pytest.raises(UserError, match=r"line 3: '\?' in column 'hp' is no value \(missing = \"skip\" leaves 3 such"):
        read(GAPS, Wanted(("mpg",)))
    inputs, targets, notes, *_ = read(GAPS, Wanted(("mpg",), missing="skip"))
    assert (inputs.tolist(), targets.tolist()) == ([[8, 130], [4, 90]], [[18], [30]])
    assert notes[-1] == "3 rows with a missing value are left out: lines 3, 4, 5"
    notes = read(GAPS.replace("?", "9").replace("NaN", "9"), Wanted(("mpg",), missing="skip")).notes
    assert notes[-1].startswith("1 row with a missing value is left out: line ")
    assert len(read(GAPS, Wanted(("mpg",), skip=("hp",))).inputs) == 5, "nothing is missing in what is read"


def test_titles_on_top_are_left_out_and_lines_are_those_of_the_file():
    text = "# measured in May\nby hand\n" + IRIS
    assert read(text, Wanted(labels=True, skip_rows=2)).targets.tolist() == [[0], [0], [1], [2]]
    with pytest.raises(UserError, match="line 4: 'setosa' is none of the classes"):
        read(text, Wanted(labels=True, skip_rows=2, classes=("virginica",)))
    with pytest.raises(UserError, match="has 8 lines"):
        read(text, Wanted(skip_rows=99))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(("petal",)), "there is no column 'petal'"), (Wanted((7,)), "there is no column 7 (0 to 3)"),
        (Wanted(("width",), ("width",)), "is a target or left out"),
        (Wanted(("width",), skip=("width",)), "is a target"),
        (Wanted(2, classes="sorted"), "there are 2 target columns"),
        (Wanted(("width",)), "'setosa' is not a number (skip_columns = [\"species\"] leaves its column out)"),
        (Wanted(), "'setosa' is not a number (classes = \"sorted\" takes names as class numbers)"),
        (Wanted(4), "are targets"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(wanted, said):
    with pytest.raises(UserError) as caught:
        read(IRIS, wanted)
    assert said in str(caught.value)


def test_a_header_of_numbers_and_words_is_one_where_numbers_follow():
    assert read("city,2019,2020\n1,2,3\n4,5,6\n", Wanted()).targets.ravel().tolist() == [3, 6]
    assert read("?,2,3\n4,5,6\n", Wanted(missing="skip")).inputs.tolist() == [[4, 5]]


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from("abc")), min_size=1, max_size=8))
def test_what_was_written_is_read(rows):
    text = "".join(f"{x!r},{y!r},{name}\n" for x, y, name in rows)
    inputs, targets, *_ = read(text)
    assert np.array_equal(inputs, [[x, y] for x, y, _ in rows])
    names = sorted({name for *_, name in rows})
    assert [names[int(number)] for number in targets.ravel()] == [name for *_, name in rows]


@given(st.text(alphabet="abc,;\n\t\"'01.?-eN ", max_size=60))
def test_any_text_is_a_table_or_one_line(text):
    try:
        inputs, targets, notes, *_ = read(text, Wanted(labels=True, missing="skip"))
    except UserError:  # is one line by itself
        return
    assert len(inputs) == len(targets) > 0
    assert all("\n" not in note for note in notes)


NETWORK = """\
{top}
[data]
inputs = [[1, 0], [0, 1]]
targets = [[1, 2], [3, 4]]
[[layers]]
kind = "dense"
units = {units}
weight = {weight}
[[layers]]
kind = "dense"
units = 2
[loss]
kind = "mse"
"""


def network(folder, weight, units=2, layout=""):
    top = f'weight_layout = "{layout}"' if layout else ""
    path = folder / "n.toml"
    path.write_text(NETWORK.format(top=top, weight=weight, units=units))
    return load(str(path))


def weight(made):
    return made.graph.by_name["layer1.weight"].value.tolist()


def test_a_square_weight_is_not_taken_in_silence(tmp_path):
    made = network(tmp_path, [[1, 2], [3, 4]])
    assert weight(made) == [[1, 2], [3, 4]]
    assert made.notes == (
        "layer1.weight is square, and taken as (in, out), a row per input; "
        'weight_layout = "out_in" takes (out, in), a row per unit',
    )
    made = network(tmp_path, [[1, 2], [3, 4]], layout="out_in")
    assert weight(made) == [[1, 3], [2, 4]]
    assert made.notes == ("layer1.weight is given as (out, in), a row per unit, and shown as (in, out)",)
    said = registry.run(Session(made), "info network").text
    assert "taken: layer1.weight is given as (out, in)" in said
    assert not network(tmp_path, [[1, 2], [2, 1]]).notes, "the same either way"


def test_a_weight_that_fits_the_other_way_is_told_how_to_be_taken(tmp_path):
    rows = [[1, 2], [3, 4], [5, 6]]
    with pytest.raises(
        UserError, match=r"expected \(2, 3\), as \(in, out\).*weight_layout = \"out_in\" takes \(out, in"
    ):
        network(tmp_path, rows, 3)
    assert weight(network(tmp_path, rows, 3, "out_in")) == [[1, 3, 5], [2, 4, 6]]
    with pytest.raises(UserError, match=r"expected \(3, 2\), as \(out, in\).*weight_layout = \"in_out\""):
        network(tmp_path, [[1, 2, 3], [4, 5, 6]], 3, "out_in")
    with pytest.raises(UserError, match=r"found shape \(1, 2\)"):
        network(tmp_path, [[1, 2]], 3, "out_in")


# ------------------------------------------------------------------------------------- signs, comments, decimals
ROWS = [[1.0, 2.5], [-3.0, 4.0], [0.5, 6.0]]


@given(st.sampled_from([",", ";", "\t", "|", " "]), st.booleans(), st.integers(0, 2), st.booleans())
def test_what_is_between_columns_is_seen(sign, header, comments, words):
    """Whatever separates the columns, with a header or none, comments above, classes as words or numbers."""
    target = ["no", "yes", "no"] if words else ["0", "1", "0"]
    rows = [sign.join([*map(str, row), name]) for row, name in zip(ROWS, target, strict=True)]
    text = "\n".join(["# made, by; hand"] * comments + [sign.join(["a", "b", "c"])] * header + rows)
    inputs, targets, *_ = read(text)
    assert inputs.tolist() == ROWS
    assert targets.ravel().tolist() == [0, 1, 0]


def test_many_spaces_are_one_and_quotes_keep_theirs():
    found = read('  18.0   8  "a car"\n 17     6  "another"\n')
    assert found.inputs.tolist() == [[18, 8], [17, 6]]
    assert found.classes == ("a car", "another")


def test_a_line_that_is_wrong_has_its_number_in_the_file():
    with pytest.raises(UserError, match=r"d.csv line 6"):
        read("# one\n\n# two\na,b,c\n1,2,x\n3,red,y\n")


def test_comments_are_said_and_a_column_may_be_called_hash():
    found = read("a,b\n1,0\n# between\n2,1\n", Wanted())
    assert found.inputs.tolist() == [[1], [2]]
    assert "a line begins with #: left out as comment" in found.notes
    assert read("#,a,b\n0,5,1\n1,6,0\n", Wanted()).inputs.tolist() == [[0, 5], [1, 6]]


def test_a_decimal_comma_is_a_setting_and_is_told():
    text = "a;b;c\n1,5;2;x\n-3,25e1;4;y\n"
    with pytest.raises(UserError, match=r"line 2: '1,5' is not a number \(decimal = \",\" reads it\)"):
        read(text)
    assert read(text, Wanted(labels=True, decimal=",")).inputs.tolist() == [[1.5, 2], [-32.5, 4]]


def test_a_sign_can_be_said():
    assert read("1~2~0\n3~4~1\n", Wanted(labels=True, separator="~")).inputs.tolist() == [[1, 2], [3, 4]]


def file(tmp_path, text, name="d.csv", data="", units=3):
    (tmp_path / name).write_text(text)
    path = tmp_path / "n.toml"
    layers = f'[[layers]]\nkind = "dense"\nunits = {units}\n[loss]\nkind = "cross_entropy"\n'
    path.write_text(f'[data]\nfile = "{name}"\n{data}\n{layers}')
    return load(str(path))


def test_predictions_have_the_names_of_classes(tmp_path):
    session = Session(file(tmp_path, IRIS, data='target_columns = ["species"]'))
    registry.run(session, "goto end")
    rows = [plain(row) for row in prediction_lines.report(session, False)]
    assert all(
        name in row for name, row in zip(["setosa", "setosa", "versicolor", "virginica"], rows[1:], strict=False)
    )
    found = prediction_lines.as_json(session, False)
    assert found["classes"] == ["setosa", "versicolor", "virginica"]
    assert [row["wanted"] for row in found["samples"]] == [0, 0, 1, 2]
    registry.run(session, "set layer1.activation = tanh")
    assert session.network.classes == ("setosa", "versicolor", "virginica")


def test_classes_from_1_are_told_what_takes_them(tmp_path):
    with pytest.raises(UserError, match=r'numbered 1 to 3, and count from 0 \(classes = "sorted"'):
        file(tmp_path, FIRST, data="target_columns = [0]")
    made = file(tmp_path, FIRST, data='target_columns = [0]\nclasses = "sorted"')
    assert made.graph.by_name["y"].value.tolist() == [0, 0, 1, 2]
    assert made.classes == ("1", "2", "3")


@pytest.mark.parametrize("name", ["d.tsv", "d.txt", "d.data", "wine.DATA"])
def test_tables_have_many_suffixes(tmp_path, name):
    assert file(tmp_path, FIRST, name, 'target_columns = [0]\nclasses = "sorted"').samples == 4


@pytest.mark.parametrize(
    "setting", ['separator = "ab"', 'separator = ""', 'separator = "1"', "separator = 3", 'decimal = ";"']
)
def test_odd_signs_are_told(tmp_path, setting):
    with pytest.raises(UserError, match=r"expected one sign|decimal"):
        file(tmp_path, FIRST, data=setting)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("species,a,b\ncat,0.1,0.2\ndog,0.3,0.4\n", 'target_columns = ["species"]'),
        ("y,a,b\n1,2,0.5\n2,4,1.5\n1,4,1.5\n", 'target_columns = ["y"]'),
        (FIRST.replace(",3.4", ",3.5"), "target_columns = [0]"),
        ("a,b,y\n0.1,2.5,0.5\n0.3,4.5,1.5\n", "names the column of the classes"),
    ],
)
def test_classes_that_stand_in_another_column_are_told(text, right):
    with pytest.raises(UserError, match="is no whole number") as problem:
        read(text)
    assert right in problem.value.right
