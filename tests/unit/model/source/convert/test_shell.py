"""`bptui convert`, and a model that is given where a network file is expected."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout

from bptui import cli
from tests.unit.model.source.convert.models import DENSE, LENET, model


def test_a_model_that_is_given_as_a_network_file_is_recognised(tmp_path, capsys):
    for name, text, said in (
        ("m.json", json.dumps(model(DENSE)), "is a Keras model (Sequential), not a network file (bptui convert "),
        ("s.json", json.dumps({"fc1.weight": [[1.0]], "fc1.bias": [0.0]}), "is a table of weights"),
        ("m.txt", "Net(\n  (a): ReLU()\n)", "is a PyTorch module as it is printed"),
        ("m.py", LENET, "bptui convert prints its model"),
    ):
        (tmp_path / name).write_text(text)
        assert cli.main(["run", str(tmp_path / name), "--batch"]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1


def test_convert_prints_a_file_or_writes_it(tmp_path, capsys):
    path = tmp_path / "net.py"
    path.write_text(LENET)
    assert cli.main(["convert", str(path)]) == 0
    text = capsys.readouterr().out
    assert cli.main(["convert", str(path), "LeNet", "--to", str(tmp_path / "net.toml")]) == 0
    assert (tmp_path / "net.toml").read_text() == text
    assert "written to" in capsys.readouterr().out
    assert cli.main(["convert", str(path), "--to", str(tmp_path / "net.toml")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert cli.main(["trace", str(tmp_path / "net.toml"), "--json"]) == 0
    capsys.readouterr()
    path.write_text("import torch.nn as nn\nm = nn.Sequential(nn.Linear(2, 3), nn.Bilinear(1, 2, 3))\n")
    assert cli.main(["convert", str(path)]) == 1
    done = capsys.readouterr()
    assert "# MISSING: nn.Bilinear(1, 2, 3) is no kind of layer here" in done.out
    assert cli.main(["convert", str(path), "--to", str(tmp_path / "part.toml")]) == 1
    assert "MISSING: nn.Bilinear(1, 2, 3) is no kind" in capsys.readouterr().out
    with redirect_stdout(io.StringIO()):
        assert cli.main(["convert"]) == 2
