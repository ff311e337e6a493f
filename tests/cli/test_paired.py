"""Commands of ``aletheia data`` that make fakes of genuine pictures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pandas as pd
import pytest
from typer.testing import CliRunner

from aletheia.cli import data, paired
from aletheia.core.errors import InputError


@pytest.fixture
def folder(tmp_path: Path, portraits) -> Path:
    (tmp_path / "genuine").mkdir()
    for index in (0, 2, 4):
        cv2.imwrite(str(tmp_path / "genuine" / f"{index}.png"), portraits[index][0][..., ::-1])
    (tmp_path / "genuine" / "broken.jpg").write_bytes(b"no picture")
    return tmp_path / "genuine"


@pytest.mark.parametrize("command", ["part-swap", "face-swap"])
def test_swaps_say_what_was_made_and_left_out(tmp_path: Path, folder: Path, command: str):
    words = [command, str(folder), str(tmp_path / "out")]
    result = CliRunner().invoke(data.app, words)
    assert result.exit_code == 0, result.output
    manifest = tmp_path / "out" / "manifest.csv"
    assert f"{manifest}: 3 genuine pictures and as many forgeries; 1 left out" in result.stdout
    assert f"look at {tmp_path}/out/sheet.png" in result.stdout
    assert "left out: " in result.stderr and "broken.jpg: unreadable" in result.stderr
    rows = pd.read_csv(manifest)
    assert rows["generator"].dropna().unique().tolist() == [command]
    again = json.loads(CliRunner().invoke(data.app, [*words, "--json"]).stdout)
    assert (again["pairs"], again["resumed"], again["manifest"]) == (3, 3, str(manifest))


def test_many_left_out_are_not_all_printed(capsys):
    from aletheia.datasets.paired.writing import Paired

    made = Paired(Path("out/manifest.csv"), 1, 1, Path("out/sheet.png"), [(f"{k}.png", "unreadable") for k in range(9)])
    paired._print(made, as_json=False)
    captured = capsys.readouterr()
    assert "1 genuine picture and as many forgeries (1 of them before); 9 left out" in captured.out
    assert captured.err.count("left out: ") == 5 and "out/skipped.csv" in captured.err


@pytest.mark.parametrize("command", ["self-blend", "part-swap", "face-swap", "reconstruct"])
def test_help_says_what_comes_out(command: str):
    output = CliRunner().invoke(data.app, [command, "--help"], terminal_width=200).output
    assert all(word in output for word in ("genuine", "manifest.csv", "sheet.png", "skipped.csv", "continues"))


@pytest.mark.slow
def test_reconstruct_makes_a_generator_of_each_family(tmp_path: Path, folder: Path):
    words = [
        "reconstruct",
        str(folder),
        str(tmp_path / "out"),
        "--steps",
        "2",
        "--family",
        "vae",
        "--family",
        "shuffle",
    ]
    result = CliRunner().invoke(data.app, words)
    assert result.exit_code == 0, result.output
    assert "3 genuine pictures and as many forgeries; 1 left out" in result.stdout
    generators = pd.read_csv(tmp_path / "out" / "manifest.csv")["generator"].dropna().value_counts()
    assert generators.to_dict() == {"reconstruct-vae": 2, "reconstruct-shuffle": 1}
    wrong = CliRunner().invoke(data.app, [*words[:3], "--family", "diffusion"])
    assert isinstance(wrong.exception, InputError) and "choose among transposed, nearest" in str(wrong.exception)
    assert CliRunner().invoke(data.app, [*words[:3], "--steps", "0"]).exit_code == 2
