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
        ["run", "--dry-run", "--source", "synthetic", "--real-pool", "gs://bucket/ffhq"],
        ["audit", "gs://bucket/faces"],
        ["audit", "synthetic", "--manifest", "gs://bucket/labels.csv"],
        ["evaluate", "no-such-model", "gs://bucket/faces"],
    ],
    ids=" ".join,
)
def test_remote_source_refused(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(app, words).exception
    assert isinstance(refused, InputError)
    assert "only files of this one are read. Fetch it first" in str(refused)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--dry-run", "--source", "s3://someone:word@bucket/faces"],
        ["run", "--dry-run", "--source", "synthetic", "--real-pool", "s3://someone:word@bucket/ffhq"],
        ["run", "--dry-run", "--artifact-path", "s3://someone:word@bucket/runs"],
        ["predict", "--model", "s3://someone:word@bucket/model", "picture.jpg"],
    ],
    ids=" ".join,
)
def test_credentials_in_an_address_are_refused_and_not_repeated(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "picture.jpg").touch()
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, InputError)
    assert "without credentials" in str(result.exception)
    assert "word" not in str(result.exception) + result.output


def test_artifact_path_elsewhere_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(app, ["run", "--dry-run", "--artifact-path", "gs://bucket/runs"]).exception
    assert isinstance(refused, InputError)
    assert "name a folder, or a place in a bucket" in str(refused)
