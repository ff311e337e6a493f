"""Paths as another system spelled them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.manifest_paths import as_on_disk, with_slashes

NAME = "réné/Zoë.jpg"


def array(*values: str) -> np.ndarray:
    return np.array(values, dtype=object)


def test_with_slashes_keeps_files_of_that_name(tmp_path):
    (tmp_path / "a\\b.jpg").touch()
    paths, changed = with_slashes(array("a\\b.jpg", "img\\c.jpg", "d.jpg"), tmp_path)
    assert paths.tolist() == ["a\\b.jpg", "img/c.jpg", "d.jpg"] and changed == 1


@pytest.mark.parametrize(("written", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_as_on_disk_finds_the_other_form(tmp_path, written, stored):
    file = tmp_path / unicodedata.normalize(stored, NAME)
    file.parent.mkdir()
    file.touch()
    wanted = f"{tmp_path}/{unicodedata.normalize(written, NAME)}"
    paths, changed = as_on_disk(array(wanted, f"{tmp_path}/ü.jpg", "/elsewhere/é.jpg"), tmp_path)
    assert paths.tolist() == [str(file), f"{tmp_path}/ü.jpg", "/elsewhere/é.jpg"] and changed == 1


def test_read_manifest_of_another_system(tmp_path: Path):
    file = tmp_path / "img" / unicodedata.normalize("NFD", "réné.jpg")
    file.parent.mkdir()
    file.touch()
    text = f"path,label\nimg\\{unicodedata.normalize('NFC', 'réné.jpg')},real\nimg\\b.jpg,fake\n"
    (tmp_path / "m.csv").write_text(text, encoding="utf-8")
    frame = read_manifest(tmp_path / "m.csv")
    assert frame["path"].tolist() == [str(file), f"{tmp_path}/img/b.jpg"]
    assert frame.attrs["notes"] == [
        "Backslashes in 2 paths were read as slashes.",
        "1 paths name files whose letters are composed in another way.",
    ]


@pytest.mark.parametrize("path", ["..\\x.jpg", "a\\..\\..\\x.jpg", "C:\\x.jpg", "\\\\host\\x.jpg"])
def test_read_manifest_backslashes_do_not_lead_out(tmp_path, path):
    (tmp_path / "m.csv").write_text(f"path,label\ngood.jpg,real\n{path},fake\n")
    with pytest.raises(InputError, match="leads out of the manifest's folder in row 2"):
        read_manifest(tmp_path / "m.csv")
