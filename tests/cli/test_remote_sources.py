"""Sources on other machines: every command names the way to fetch them, before it loads anything."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from aletheia.cli.root import app
from aletheia.core.errors import InputError


@pytest.mark.parametrize(
    "words",
    [
        ["data", "frames", "s3://bucket/videos", "out"],
        ["data", "self-blend", "gs://bucket/faces", "out"],
        ["data", "part-swap", "gs://bucket/faces", "out"],
        ["data", "reconstruct", "s3://bucket/faces", "out"],
        ["data", "face-swap", "s3://bucket/faces.csv", "out"],
        ["predict", "https://faces.example/x.jpg"],
        ["run", "--dry-run", "--source", "v3io://users/faces"],
        ["run", "--dry-run", "--source", "synthetic", "--real-pool", "s3://bucket/ffhq"],
        ["audit", "s3://bucket/faces"],
        ["audit", "synthetic", "--manifest", "s3://bucket/labels.csv"],
        ["evaluate", "no-such-model", "s3://bucket/faces"],
    ],
    ids=" ".join,
)
def test_remote_source_refused(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(app, words).exception
    assert isinstance(refused, InputError)
    assert "only files of this one are read. Fetch it first" in str(refused)
    assert list(tmp_path.iterdir()) == []
