"""Files that are classified, and the table of their answers."""

from __future__ import annotations

import csv
import json

import pytest

from aletheia.cli.predict_output import COLUMNS, ResultTable, list_files
from aletheia.client_types import ModelNote
from aletheia.core.errors import InputError
from aletheia.inference.prediction import FaceScore, Prediction, VideoPrediction

NOTE = ModelNote("store://models/p/k", "abc")
FACE = FaceScore((0.0, 0.0, 9.0, 9.0), 0.9, 0.75, "fake")


def test_list_files_of_folders(tmp_path, capsys):
    for name in ("b.JPG", "a.heic", "c.ts", "notes.txt", "sub/d.png", "sub/deep/e.webm"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    flat = list_files([tmp_path])
    assert [path.name for path in flat] == ["a.heic", "b.JPG", "c.ts"]
    reported = capsys.readouterr().err
    assert "1 file left out: by name neither picture nor video" in reported
    assert "1 folder not entered; --recursive" in reported
    deep = list_files([tmp_path], recursive=True)
    assert [str(path.relative_to(tmp_path)) for path in deep[3:]] == ["sub/d.png", "sub/deep/e.webm"]
    named = [tmp_path / "notes.txt", tmp_path / "missing.jpg"]
    assert list_files(named) == named  # what is named is tried
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="neither pictures nor videos"):
        list_files([tmp_path / "empty"])


def write(path, *, settings="", **answers):
    with ResultTable(path, NOTE, settings) as table:
        for name, prediction in answers.items():
            table.add(path.parent / name, prediction)
    return path


ANSWERS = {
    "fake": Prediction("fake", 0.75, (FACE,), notes=("One.", "Two.")),
    "bad": Prediction("error", None, reason="broken, really"),
    "film": VideoPrediction("real", 0.2, frames=3),
}


def test_result_table_csv_columns(tmp_path):
    path = write(tmp_path / "a.csv", **ANSWERS)
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["verdict"], row["probability"], row["n_faces"]) for row in rows] == [
        ("fake", "0.75", "1"),
        ("error", "", "0"),
        ("real", "0.2", "0"),
    ]
    assert rows[0]["notes"] == "One. Two."
    assert rows[1]["reason"] == "broken, really"
    assert (rows[2]["confidence"], rows[2]["model"], rows[2]["version"]) == ("0.8", NOTE.uri, "abc")


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_result_table_json_holds_the_faces(tmp_path, form):
    text = write(tmp_path / f"a.{form}", **ANSWERS).read_text()
    rows = json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]
    assert [row["verdict"] for row in rows] == ["fake", "error", "real"]
    assert rows[0]["faces"][0]["probability"] == 0.75
    assert rows[2]["frames"] == 3


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_result_table_goes_on(tmp_path, form):
    path = write(tmp_path / f"a.{form}", **ANSWERS)
    table = ResultTable(path, NOTE)
    assert table.done == {str(tmp_path / "fake"), str(tmp_path / "film")}  # errors are tried again
    write(path, bad=ANSWERS["fake"])
    assert ResultTable(path, NOTE).done == {str(tmp_path / name) for name in ANSWERS}
    before = path.read_bytes()
    write(path)
    assert path.read_bytes() == before
    for other in ((ModelNote("other", "abc"), ""), (NOTE, "threshold 1")):
        with pytest.raises(InputError, match="another model or with other settings"):
            ResultTable(path, *other)


def test_result_table_of_an_interrupted_run(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(KeyboardInterrupt), ResultTable(path, NOTE) as table:
        table.add(tmp_path / "fake", ANSWERS["fake"])
        raise KeyboardInterrupt
    assert len(json.loads(path.read_text())) == 1
    lines = write(tmp_path / "b.jsonl", **ANSWERS)
    lines.write_text(lines.read_text()[:-30])  # cut off within the last line
    assert ResultTable(lines, NOTE).done == {str(tmp_path / "fake")}
    with ResultTable(lines, NOTE) as table:
        table.add(tmp_path / "film", ANSWERS["film"])
    assert ResultTable(lines, NOTE).done == {str(tmp_path / "fake"), str(tmp_path / "film")}
    lines.write_text("{cut\n" + lines.read_text())
    with pytest.raises(InputError, match=r"b\.jsonl: line 1 is damaged"):
        ResultTable(lines, NOTE)


@pytest.mark.parametrize(("name", "text"), [("a.csv", "x,y\n1,2\n"), ("a.json", "{"), ("a.jsonl", '{"a": 1}\n')])
def test_result_table_refuses_other_files(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="no output of"):
        ResultTable(tmp_path / name, NOTE)
    assert (tmp_path / name).read_text() == text
    with pytest.raises(InputError, match=r"must end in \.csv"):
        ResultTable(tmp_path / "a.txt", NOTE)
