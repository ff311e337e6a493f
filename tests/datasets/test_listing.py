"""Rows of a source before any of its files is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.listing import list_rows, list_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of the right names that are no pictures."""
    for label in ("real", "fake"):
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "a.jpg").write_text("no picture")
    return tmp_path / "set"


def test_list_source_opens_no_file(folder: Path) -> None:
    rows = list_source(folder)
    assert sorted(zip(rows["path"], rows["label"], strict=True)) == [
        (f"{folder}/{label}/a.jpg", label) for label in ("fake", "real")
    ]
    pool = list_source(folder, pool=True)
    assert set(pool["label"]) == {"real"} and sorted(pool["path"]) == sorted(rows["path"])


def test_list_source_of_a_manifest(folder: Path) -> None:
    manifest = folder / "m.csv"
    manifest.write_text("path,label\nreal/a.jpg,real\nfake/a.jpg,fake\n")
    assert list_source(manifest)["label"].tolist() == ["real", "fake"]
    manifest.write_text("path,label\nreal/a.jpg,real\n")
    found = list_rows(folder, manifest, False, (), None, pool=False)
    assert found.rows["path"].tolist() == [f"{folder}/real/a.jpg"] and found.stated
    assert (f"{folder}/fake/a.jpg", "is not named in m.csv") in found.skipped
    with pytest.raises(InputError, match="a second manifest goes with a folder only"):
        list_source(manifest, manifest=manifest)
    manifest.write_text("path,label\nreal/b.jpg,real\n")
    with pytest.raises(InputError, match=r"real/b\.jpg"):
        list_source(manifest)


@pytest.mark.parametrize("pool", [True, False])
def test_list_source_of_nothing(tmp_path: Path, pool: bool) -> None:
    with pytest.raises(InputError, match="holds no images"):
        list_source(tmp_path, pool=pool)
    with pytest.raises(InputError, match="no such folder or manifest. A balancing pool" if pool else "no such folder"):
        list_source(tmp_path / "none", pool=pool)
