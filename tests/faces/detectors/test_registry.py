"""Face detectors by name, and one from outside this project: by a call, and as an installed extension."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.faces import CropConfig, create_detector, extract_faces, list_detectors, register_detector
from aletheia.faces.detectors import registry
from aletheia.faces.detectors.blazeface import BlazeFace

#: A detector as another package would bring it: the middle half of every image is a face.
SOURCE = """
import numpy as np

from aletheia.faces import Face, FaceDetector, register_detector


@register_detector("{name}")
class MiddleDetector(FaceDetector):
    def __init__(self, threshold, threads=0):
        self.score = max(threshold, 0.9)

    def detect(self, rgb, check=None):
        height, width = rgb.shape[:2]
        side = min(height, width) / 2
        x0, y0 = (width - side) / 2, (height - side) / 2
        box = np.array([x0, y0, x0 + side, y0 + side], np.float32)
        points = np.array([(.3, .3), (.7, .3), (.5, .6), (.5, .8), (.1, .4), (.9, .4)]) * side + (x0, y0)
        return [Face(box, points.astype(np.float32), self.score)]
"""


@pytest.fixture
def forget():
    """Forget the detectors that a test adds."""
    before = set(registry._REGISTRY.all())
    yield
    for name in set(registry._REGISTRY.all()) - before:
        registry._REGISTRY.unregister(name)


@pytest.fixture
def images(tmp_path):
    """Images of noise, in which BlazeFace finds no face; enough of them that processes are started."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    for k in range(18):
        cv2.imwrite(str(folder / f"{k:02d}.png"), rng.integers(0, 256, (64, 80, 3), np.uint8))
    return pd.DataFrame({"path": sorted(map(str, folder.iterdir())), "label": "real"})


@pytest.fixture
def extension(tmp_path, monkeypatch, forget):
    """Install a package with a detector: its module, and the folder in which an installer notes its entry points."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(name: str, *, entry_point: bool) -> str:
        module = f"{name}_package"
        (site / f"{module}.py").write_text(SOURCE.format(name=name))
        if entry_point:
            info = site / f"{module}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[aletheia.detectors]\n{name} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)
        return module

    return install


def test_create_detector_default():
    detector = create_detector(threshold=0.6, threads=1)
    assert isinstance(detector, BlazeFace) and detector.threshold == 0.6
    assert "blazeface" in list_detectors()


def test_create_detector_unknown_name():
    with pytest.raises(InputError, match=r"no face detector 'retina'\. There are: .*blazeface"):
        create_detector("retina")


def test_register_detector_name_taken(forget):
    with pytest.raises(InputError, match="two implementations of the face detector 'blazeface'"):
        register_detector("blazeface")(lambda threshold, threads=0: BlazeFace(threshold, threads))


@pytest.mark.parametrize("workers", [1, 2])
def test_register_detector_extracts_end_to_end(extension, images, tmp_path, workers):
    __import__(extension(f"by_call_{workers}", entry_point=False))
    config = CropConfig(size=32, margin=0.0, detector=f"by_call_{workers}", threshold=0.8)
    extracted = extract_faces(images, tmp_path / "crops", config, workers=workers, progress=False)
    assert len(extracted.manifest) == len(images) and extracted.stages == {"whole": len(images)}
    assert set(extracted.manifest["crop_detector"]) == {f"by_call_{workers}"}
    assert set(extracted.manifest["crop_threshold"]) == {0.8}
    for row in extracted.manifest.itertuples():
        np.testing.assert_array_equal(cv2.imread(row.path), cv2.imread(row.original)[16:48, 24:56])


def test_entry_point_extracts_end_to_end(extension, images, tmp_path):
    extension("by_entry_point", entry_point=True)
    config = CropConfig(size=32, margin=0.0, detector="by_entry_point")
    extracted = extract_faces(images, tmp_path / "crops", config, workers=1, progress=False)
    assert len(extracted.manifest) == len(images)
    assert "by_entry_point" in list_detectors()


def test_detector_has_crops_and_journal_of_its_own(extension, images, tmp_path):
    """In one folder, a detector neither takes up the journal of another nor writes over its crops."""
    __import__(extension("second", entry_point=False))
    out = tmp_path / "crops"
    by_default = extract_faces(images, out, CropConfig(size=32), workers=1, progress=False)
    assert by_default.manifest.empty
    by_second = extract_faces(images, out, CropConfig(size=32, detector="second"), workers=1, progress=False)
    assert by_second.resumed == 0 and len(by_second.manifest) == len(images)
    again = extract_faces(images, out, CropConfig(size=32), workers=1, progress=False)
    assert again.resumed == len(images) and again.manifest.empty
