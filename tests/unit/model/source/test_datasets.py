"""Data sets: their shapes, their seeds, and data files that are wrong."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.source.csv_table import MAX_COLUMNS, Wanted
from bptui.model.source.datasets import DATASETS, MAX_ARRAYS, MAX_CSV, from_file
from bptui.model.source.network import from_mapping
from bptui.model.source.plane import EDGE, FEATURES, RADIUS, SURFACES


@pytest.mark.parametrize("name", DATASETS)
def test_every_drawn_set_has_two_inputs_and_class_numbers_or_heights(name):
    make, samples, noise = DATASETS[name]
    for count in (1, 2, 7, samples):
        inputs, labels = make(count, noise, 3)
        assert inputs.shape == (count, 2)
        assert labels.shape == (count,)
        assert np.isfinite(inputs).all()
        if name in SURFACES:
            assert (np.abs(labels) <= 1).all()
        else:
            assert set(labels.tolist()) <= {0, 1, 2}
    again = make(samples, 0.1, 3)[0]
    assert (make(samples, 0.1, 3)[0] == again).all()
    assert (make(samples, 0.1, 4)[0] != again).any()


def test_without_noise_the_sets_are_what_they_are_called():
    inputs, labels = DATASETS["xor"][0](4, 0, 0)
    assert inputs.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert labels.tolist() == [0, 1, 1, 0]
    inputs, labels = DATASETS["circles"][0](50, 0, 0)
    np.testing.assert_allclose(np.hypot(*inputs.T), np.where(labels == 0, 1, 0.5))
    inputs, labels = DATASETS["moons"][0](50, 0, 0)
    centre = np.where(labels == 0, 0, 1), np.where(labels == 0, 0, 0.5)
    np.testing.assert_allclose(np.hypot(inputs[:, 0] - centre[0], inputs[:, 1] - centre[1]), 1)
    assert (inputs[labels == 0, 1] >= -1e-12).all()


def test_the_sets_over_the_plane_are_what_they_are_called():
    points, labels = DATASETS["circle"][0](500, 0, 1)
    away = np.hypot(*points.T)
    assert (away[labels == 1] <= RADIUS / 2).all()
    assert (away[labels == 0] >= 0.7 * RADIUS).all()
    points, labels = DATASETS["quadrants"][0](500, 0, 1)
    assert ((points[:, 0] * points[:, 1] > 0) == labels).all()
    assert (np.abs(points) >= EDGE).all()
    points, labels = DATASETS["spiral"][0](500, 0, 1)
    angle = np.arctan2(points[:, 0], points[:, 1]) - np.where(labels == 1, 0, np.pi)
    turned = 1.75 * 2 * np.pi * np.hypot(*points.T) / RADIUS
    np.testing.assert_allclose(np.cos(angle), np.cos(turned), atol=1e-9)
    points, labels = DATASETS["gauss"][0](4000, 0, 1)
    np.testing.assert_allclose(points[labels == 1].mean(axis=0), 2, atol=0.1)
    np.testing.assert_allclose(points[labels == 1].std(axis=0), 0.7, atol=0.05)
    points, heights = DATASETS["plane"][0](500, 0, 1)
    np.testing.assert_allclose(heights, points.sum(axis=1) / 10)
    points, heights = DATASETS["hills"][0](500, 0, 1)
    assert (heights[np.hypot(points[:, 0] + 4, points[:, 1] - 2.5) < 0.5] > 0.7).all()
    assert (heights < -0.5).any()


def _shown(features: object, inputs: object = ((1.0, 2.0), (3.0, -4.0))) -> np.ndarray:
    data = {"inputs": [list(row) for row in inputs], "targets": [[0.0]] * 2, "features": features}
    layers = [{"kind": "dense", "units": 1}]
    made = from_mapping({"data": data, "layers": layers, "loss": {"kind": "mse"}}, "f.toml")
    return made.graph.by_name["x"].value


def test_features_are_columns_of_the_inputs():
    found = _shown(list(FEATURES))
    np.testing.assert_allclose(found[1], [3, -4, 9, 16, -12, np.sin(3), np.sin(-4)])
    assert _shown(["x1*x2"]).tolist() == [[2], [-12]]


@pytest.mark.parametrize(
    ("features", "inputs", "message"),
    [
        (["x3"], ((1, 2), (3, 4)), "unknown 'x3'"), (["x1", "x1"], ((1, 2), (3, 4)), "twice"),
        ([], ((1, 2), (3, 4)), "empty"),
        ("x1", ((1, 2), (3, 4)), "list of names"), (["x1"], ((1, 2, 3), (3, 4, 5)), "an input has 3 numbers"),
    ],
)  # fmt: skip
def test_features_that_cannot_be_made(features, inputs, message):
    with pytest.raises(UserError, match=message):
        _shown(features, inputs)


def test_csv_with_and_without_header_and_other_separators(tmp_path: Path):
    for name, text in (("a", "x1,x2,t\n1,2,3\n4,5,6\n"), ("b", "1,2,3\r\n\r\n4,5,6"), ("c", "1;2;3\n4;5;6\n")):
        path = tmp_path / f"{name}.csv"
        path.write_text(text)
        inputs, targets, *_ = from_file(path, "data.file")
        assert inputs.tolist() == [[1, 2], [4, 5]]
        assert targets.tolist() == [[3], [6]]
    inputs, targets, *_ = from_file(tmp_path / "a.csv", "data.file", Wanted(("x1", "t")))
    assert (inputs.tolist(), targets.tolist()) == ([[2], [5]], [[1, 3], [4, 6]])
    assert from_file(tmp_path / "a.csv", "data.file", Wanted(2))[1].tolist() == [[2, 3], [5, 6]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rows"),
        ("a,b\n", "has no rows"),
        ("a,b\n1,2\n3\n", "bad.csv line 3: 1 columns"),
        ("a,b\n1,two\n", "bad.csv line 2: 'two' is not a number"),
        ("1\n2\n", "are targets"),
        ('1,"2\n', "not a CSV file"),
    ],
)
def test_csv_that_is_wrong(tmp_path: Path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        from_file(path, "net.toml: data.file")


def test_columns_that_are_not_there(tmp_path: Path):
    (tmp_path / "d.csv").write_text("alpha,beta\n1,2\n")
    with pytest.raises(UserError, match="did you mean 'beta'"):
        from_file(tmp_path / "d.csv", "data.file", Wanted(("betta",)))


class Hostile:
    def __reduce__(self):
        return print, ("executed",)


def test_npz_is_never_unpickled_nor_trusted(tmp_path: Path, capsys):
    path = tmp_path / "d.npz"
    np.savez(path, x=np.array([Hostile()], dtype=object), y=np.zeros(1))
    with pytest.raises(UserError, match="holds Python objects"):
        from_file(path, "data.file")
    assert capsys.readouterr().out == ""
    path.write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(UserError, match="not a readable NPZ"):
        from_file(path, "data.file")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(100 * 2**20))
    with pytest.raises(UserError, match="unpacks to 104,857,600 bytes"):
        from_file(path, "data.file")
    np.savez(path, a=np.zeros(1))
    with pytest.raises(UserError, match="holds a"):
        from_file(path, "data.file")
    with pytest.raises(UserError, match=r"neither \.csv nor \.npz"):
        from_file(tmp_path / "d.pkl", "data.file")


def test_an_npz_of_many_arrays_is_refused(tmp_path: Path):
    np.savez(tmp_path / "many.npz", **{f"a{n}": np.zeros(0) for n in range(MAX_ARRAYS + 1)})
    with pytest.raises(UserError, match=r"holds 1,001 arrays \(at most 1,000\)"):
        from_file(tmp_path / "many.npz", "data.file")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(tmp_path: Path, end: str):
    (tmp_path / "d.csv").write_bytes(end.join(["a,b", '"1",2', "", "3,4", ""]).encode())
    inputs, targets, *_ = from_file(tmp_path / "d.csv", "data.file")
    assert (inputs.tolist(), targets.tolist()) == ([[1], [3]], [[2], [4]])


def test_a_csv_of_too_many_columns_or_bytes_is_refused(tmp_path: Path):
    (tmp_path / "d.csv").write_text("," * MAX_COLUMNS)
    with pytest.raises(UserError, match="100,001 columns"):
        from_file(tmp_path / "d.csv", "data.file")
    (tmp_path / "d.csv").write_text("1,2\n" * (MAX_CSV // 4 + 1))
    with pytest.raises(UserError, match=r"an \.npz file may have more"):
        from_file(tmp_path / "d.csv", "data.file")
