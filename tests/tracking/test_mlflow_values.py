"""Conversion of values for MLflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from aletheia.tracking import folders, mlflow_values


@pytest.mark.parametrize(
    ("value", "expected"), [(1, True), (0.5, True), (float("nan"), True), (True, False), ("1", False), (None, False)]
)
def test_is_number_excludes_booleans(value, expected):
    assert mlflow_values.is_number(value) is expected


def test_is_same_metric_nan_equals_nan():
    nan = float("nan")
    assert mlflow_values.is_same_metric(nan, nan)
    assert mlflow_values.is_same_metric(0.5, 0.5)
    for old, new in ((None, 0.5), (None, nan), (0.5, nan), (nan, 0.5), (0.5, 0.6)):
        assert not mlflow_values.is_same_metric(old, new)


def test_valid_names_replace_other_characters():
    assert mlflow_values.valid_names({"a,b": 1, "ok/x y": 2, "/edge/": 3, "": 4}) == {
        "a_b": 1,
        "ok/x y": 2,
        "edge": 3,
        "_": 4,
    }
    (name,) = mlflow_values.valid_names({"x" * 300: 1})
    assert len(name) == 250


def test_milliseconds_since_1970():
    assert mlflow_values.milliseconds("1970-01-01T00:00:01.5+00:00") == 1500
    assert mlflow_values.milliseconds(None) is mlflow_values.milliseconds("yesterday") is None


def test_local_path_only_in_allowed_folders(tracking_url, tracking_home: Path, tmp_path: Path):
    folders.allow(tracking_home, tmp_path)
    file = tmp_path / "a b"
    assert mlflow_values.local_path(str(file)) == file
    assert mlflow_values.local_path(file.as_uri()) == file  # with the blank as %20
    for target in ("", "a b", "s3://bucket/key", "/etc/passwd", "file:///etc/passwd"):
        assert mlflow_values.local_path(target) is None
