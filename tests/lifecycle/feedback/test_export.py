"""Accepted pictures as a data set: read by the workflow's own first step, faces and all."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from aletheia.core.errors import InputError
from aletheia.datasets.pipeline import extract_dataset_faces, load_dataset
from aletheia.faces.crop_config import CropConfig
from aletheia.lifecycle.feedback.export import export_pictures
from aletheia.lifecycle.feedback.pictures import PictureStore
from aletheia.lifecycle.feedback.place import pictures_folder, store_path
from aletheia.lifecycle.feedback.statement import ACCEPTED, REJECTED, Decision, Statement
from aletheia.lifecycle.feedback.store import FeedbackStore


def jpeg(rgb, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture
def give(tmp_path):
    """Provide a function that stores a statement with a picture, and what was decided about it."""
    folder = tmp_path / "home"
    store, pictures = FeedbackStore(store_path(folder)), PictureStore(pictures_folder(folder))

    def add(answer: str, label: int, content: bytes = b"", state: str = ACCEPTED) -> str:
        name = pictures.add(content, ".jpg") if content else ""
        store.add(Statement(answer, "c", label, "expert", 1.79e9, picture=name))
        if state:
            store.decide([Decision(answer, state, label, "expert", 1.79e9, "ops", 1.79e9 + 1)])
        return name

    return folder, add


def test_workflow_reads_it_as_a_source(give, portraits, tmp_path):
    folder, add = give
    names = [add(f"a{number}", number % 2, jpeg(rgb)) for number, (rgb, *_) in enumerate(portraits[:4])]
    add("rejected", 1, jpeg(portraits[0][0], 50), REJECTED)
    add("waiting", 1, jpeg(portraits[0][0], 60), "")
    add("without", 1)
    exported = export_pictures(folder, tmp_path / "out")
    assert (exported.genuine, exported.fake) == (2, 2)
    assert exported.left_out == (("without", "no picture was kept"),)
    dataset = load_dataset(str(exported.manifest), progress=False)
    assert len(dataset.skipped) == 0
    rows = dataset.main.set_index("answer").sort_index()
    assert list(rows["label"]) == ["real", "fake", "real", "fake"]
    assert set(rows["source"]) == {"feedback"}
    assert list(rows["generator"]) == ["", "feedback", "", "feedback"]
    assert set(rows["identity"]) | set(rows["pair"]) == {""}
    assert [path.rsplit("/", 1)[-1] for path in rows["path"]] == names
    assert set(rows["label_source"]) == {"expert"}
    faces = extract_dataset_faces(dataset, CropConfig(), workers=1, progress=False)
    assert len(faces.main) == 4


def test_folder_is_a_source_without_its_manifest(give, portraits, tmp_path):
    folder, add = give
    add("a", 0, jpeg(portraits[0][0]))
    add("b", 1, jpeg(portraits[1][0]))
    export_pictures(folder, tmp_path / "out")
    assert list(load_dataset(str(tmp_path / "out"), progress=False).main["label"]) in (
        ["real", "fake"],
        ["fake", "real"],
    )


def test_what_is_left_out(give, portraits, tmp_path):
    folder, add = give
    add("good", 0, jpeg(portraits[0][0]))
    torn = jpeg(portraits[1][0])
    add("torn", 0, torn)
    add("torn too", 1, torn)
    gone = add("gone", 1, jpeg(portraits[2][0]))
    damaged = add("damaged", 1, jpeg(portraits[2][0], 70))
    pictures = PictureStore(pictures_folder(folder))
    pictures.delete(gone)
    pictures.find(damaged).write_bytes(b"another")
    exported = export_pictures(folder, tmp_path / "out")
    assert (exported.genuine, exported.fake) == (1, 0)
    assert dict(exported.left_out) == {
        "torn": "its picture was accepted with both labels",
        "torn too": "its picture was accepted with both labels",
        "gone": "its picture is gone or damaged",
        "damaged": "its picture is gone or damaged",
    }


def test_nothing_to_export_and_folders_in_use(give, portraits, tmp_path):
    folder, add = give
    with pytest.raises(InputError, match="no picture with an accepted label"):
        export_pictures(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    add("a", 0, jpeg(portraits[0][0]))
    with pytest.raises(InputError, match="exists and is not empty"):
        export_pictures(folder, tmp_path)
    (tmp_path / "out").mkdir()
    export_pictures(folder, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"manifest.csv", "real"}
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".partial")]
