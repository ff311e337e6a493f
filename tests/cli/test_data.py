"""``aletheia data …``."""

from __future__ import annotations

from pathlib import Path

import cv2
import pandas as pd
import pytest
from typer.testing import CliRunner

from aletheia.cli import data


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
