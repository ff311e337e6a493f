"""``aletheia data …``."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from aletheia.cli import data
from aletheia.core.errors import InputError


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(data.app, arguments)
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("options", [("--images", "49"), ("--pool", "0"), ("-n", "many")])
def test_synth_refuses_small_numbers(tmp_path: Path, options: tuple[str, ...]):
    call("synth", str(tmp_path / "out"), *options, code=2)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_synth_writes_as_many_pictures_as_asked_for(tmp_path: Path):
    output = call("synth", str(tmp_path / "out"), "-n", "50", "--pool", "2", "--seed", "3")
    manifest = tmp_path / "out" / "manifest.parquet"
    assert str(manifest) in output
    assert (len(pd.read_parquet(manifest)), len(pd.read_parquet(manifest.with_name("pool.parquet")))) == (50, 2)


def test_self_blend_counts_pairs_and_skipped(tmp_path: Path, portraits):
    (tmp_path / "genuine").mkdir()
    for index in range(2):
        cv2.imwrite(str(tmp_path / "genuine" / f"{index}.png"), portraits[index][0][..., ::-1])
    (tmp_path / "genuine" / "broken.jpg").write_bytes(b"no picture")
    output = call("self-blend", str(tmp_path / "genuine"), str(tmp_path / "out"), "--seed", "4")
    assert f"{tmp_path}/out/manifest.csv: 2 genuine pictures" in output
    assert "1 left out" in output
    labels = pd.read_csv(tmp_path / "out" / "manifest.csv")
    assert len(labels) == 4
    again = call("self-blend", str(tmp_path / "genuine"), str(tmp_path / "out"), "--seed", "4", "--json")
    assert json.loads(again[again.index("{") :])["resumed"] == 2


def test_frames_writes_and_resumes(tmp_path: Path, write_video):
    folder = tmp_path / "films" / "real"
    folder.mkdir(parents=True)
    pictures = [np.full((48, 64, 3), 10 * k, np.uint8) for k in range(9)]
    write_video(folder / "one.mp4", pictures, rate=5)
    (folder / "bad.mp4").write_bytes(b"no video")
    options = (str(tmp_path / "films"), str(tmp_path / "out"), "--every", "4")
    output = call("frames", *options)
    assert f"{tmp_path}/out/manifest.csv: 3 frames of 1 video" in output
    assert "left out: " in output and "bad.mp4" in output and "skipped.csv" in output
    frame = pd.read_csv(tmp_path / "out" / "manifest.csv")
    assert frame["path"].tolist() == [f"real/one/{k:06d}.png" for k in (0, 4, 8)]
    assert frame["label"].tolist() == ["real"] * 3 and frame["frame_time"].tolist() == [0.0, 0.8, 1.6]
    assert "(1 of them before)" in call("frames", *options)
    written = json.loads(CliRunner().invoke(data.app, ["frames", *options, "--json"]).stdout)
    assert written["frames"] == 3 and written["manifest"] == f"{tmp_path}/out/manifest.csv"


def test_frames_takes_sixteen_by_default_and_names_missing_labels(tmp_path: Path, write_video):
    write_video(tmp_path / "one.mp4", [np.full((48, 64, 3), 5 * k, np.uint8) for k in range(40)], rate=5)
    output = call("frames", str(tmp_path / "one.mp4"), str(tmp_path / "out"))
    assert "16 frames of 1 video" in output and "The labels are not known" in output


def test_frames_refuses_two_rules(tmp_path: Path):
    result = CliRunner().invoke(
        data.app, ["frames", str(tmp_path), str(tmp_path / "o"), "--every", "2", "--count", "3"]
    )
    assert isinstance(result.exception, InputError) and "either every" in str(result.exception)
