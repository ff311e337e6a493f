"""From a source to faces, a pool and a list of files left out, with the numbers that are logged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from aletheia.core.errors import InputError
from aletheia.datasets import pipeline as module
from aletheia.datasets.pipeline import extract_dataset_faces, load_dataset
from aletheia.faces.crop_config import CropConfig


@pytest.fixture
def folder(tmp_path, portraits, monkeypatch):
    """Three faces of each label, a wall, a broken file; and a pool of two."""
    monkeypatch.setattr(module, "data_folder", lambda: tmp_path / "data")

    def write(path, image):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image[..., ::-1])

    for k in range(3):
        write(tmp_path / "faces" / "real" / f"{k}.png", portraits[k][0])
        write(tmp_path / "faces" / "fake" / f"{k}.png", portraits[k + 3][0])
    for k in range(2):
        write(tmp_path / "pool" / f"{k}.png", portraits[k + 6][0])
    write(tmp_path / "faces" / "fake" / "wall.png", np.full((200, 200, 3), 90, np.uint8))
    (tmp_path / "faces" / "real" / "broken.jpg").write_bytes(b"no picture")
    return tmp_path


def test_extract_dataset_faces_results(folder):
    data = load_dataset(str(folder / "faces"), real_pool=str(folder / "pool"), progress=False)
    faces = extract_dataset_faces(data, CropConfig(size=64, policy="aligned", margin=0.3), workers=1, progress=False)
    assert faces.main["label"].value_counts().to_dict() == {"real": 3, "fake": 3}
    assert len(faces.pool) == 2 and set(faces.pool["label"]) == {"real"}
    assert set(faces.main["crop_policy"]) == {"aligned"} and set(faces.main["crop_margin"]) == {0.3}
    results = faces.results
    assert (results["files"], results["faces"], results["skipped"], results["resumed"]) == (10, 8, 2, 0)
    assert results["files"] == results["faces"] + results["skipped"]
    assert sum(results["skipped_because"].values()) == 2
    assert results["skipped_because"]["no face found"] == 1
    assert results["files_per_second"] == pytest.approx(9 / results["seconds"])
    again = extract_dataset_faces(
        data, CropConfig(size=64, policy="aligned", margin=0.3), workers=1, progress=False
    ).results
    assert again["resumed"] == 9 and again["files_per_second"] is None


def test_extract_dataset_faces_class_missing(folder):
    for k in range(3):
        (folder / "faces" / "fake" / f"{k}.png").unlink()
    with pytest.raises(InputError, match=r"only of the classes \['real'\]"):
        extract_dataset_faces(
            load_dataset(str(folder / "faces"), progress=False), CropConfig(), workers=1, progress=False
        )


def test_load_dataset_hands_options_on_and_says_notes(tmp_path, save_image, capsys):
    """Links into a stated root are followed, guesses can be turned off, and what was guessed is said."""
    root, cache = tmp_path / "set", tmp_path / "cache"
    for k in range(3):
        save_image(cache / f"{k}.png", k)
        save_image(root / "fake" / f"{k}.png", 10 + k)
    (root / "real").symlink_to(cache)
    picture = Image.open(cache / "0.png")
    for k in range(4):
        (root / "fake" / "talk").mkdir(exist_ok=True)
        picture.point(lambda value, k=k: min(value + k + 1, 255)).save(root / "fake" / "talk" / f"{k}.png")
    data = load_dataset(str(root), link_roots=[str(cache)])
    assert data.main["label"].value_counts().to_dict() == {"fake": 7, "real": 3}
    assert data.main["video"].value_counts().to_dict()["set/fake/talk"] == 4
    assert "4 pictures were taken for frames of 1 video," in capsys.readouterr().err
    silent = load_dataset(str(root), link_roots=[str(cache)], guess_videos=False, progress=False)
    assert set(silent.main["video"]) == {""} and silent.notes == () and capsys.readouterr().err == ""
