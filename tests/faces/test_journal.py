"""An extraction that was killed goes on; what changed since is done again."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import cv2
import pandas as pd
import pytest

from aletheia.faces.extraction import extract_faces
from aletheia.faces.journal import JOURNAL
from aletheia.faces.worker import CropConfig, FaceExtractor


@pytest.fixture
def manifest(tmp_path, portraits):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, (image, *_) in enumerate(portraits):
        cv2.imwrite(str(folder / f"{index}.png"), image[..., ::-1])
    (folder / "broken.jpg").write_bytes(b"no picture")
    return pd.DataFrame({"path": sorted(map(str, folder.iterdir())), "label": "real"})


@pytest.fixture
def looked_at(monkeypatch):
    """Names of the pictures that a detector was asked about."""
    names = []
    really = FaceExtractor.__call__

    def noted(self, path):
        names.append(os.path.basename(path))
        return really(self, path)

    monkeypatch.setattr(FaceExtractor, "__call__", noted)
    return names


def run(manifest, out, **options):
    return extract_faces(manifest, out, CropConfig(**options), workers=1, progress=False)


def test_nothing_is_done_twice(manifest, tmp_path, looked_at):
    first = run(manifest, tmp_path / "out")
    assert len(looked_at) == len(manifest) and first.resumed == 0
    second = run(manifest, tmp_path / "out")
    assert len(looked_at) == len(manifest) and second.resumed == len(manifest)
    pd.testing.assert_frame_equal(first.manifest, second.manifest)
    pd.testing.assert_frame_equal(first.skipped, second.skipped)
    assert first.tries == second.tries


def test_what_changed_is_done_again(manifest, tmp_path, looked_at):
    out = tmp_path / "out"
    first = run(manifest, out)
    looked_at.clear()
    os.utime(manifest["path"][1], (1, 1))
    os.unlink(first.manifest["path"][3])
    open(first.manifest["path"][4], "w").close()
    again = run(manifest, out)
    changed = {manifest["path"][1], first.manifest["original"][3], first.manifest["original"][4]}
    assert sorted(looked_at) == sorted(map(os.path.basename, changed))
    pd.testing.assert_frame_equal(first.manifest, again.manifest)
    looked_at.clear()
    run(manifest, out, size=64)
    run(manifest, out, min_size=500)
    assert len(looked_at) == 2 * len(manifest)


def test_a_damaged_journal_is_passed_over(manifest, tmp_path, looked_at):
    out = tmp_path / "out"
    first = run(manifest, out)
    lines = (out / JOURNAL).read_bytes().splitlines(keepends=True)
    assert len(lines) == len(manifest)
    lines[1] = lines[1][:33] + b'{"faces": [["../../etc/passwd", [1], [], 1, 0]], "reason": "", "stage": ""}\n'
    lines[2] = lines[2][:33] + b"[1]\n"
    (out / JOURNAL).write_bytes(b"".join(lines)[:-20])
    looked_at.clear()
    again = run(manifest, out)
    assert len(looked_at) == 3
    pd.testing.assert_frame_equal(first.manifest, again.manifest)
    looked_at.clear()
    run(manifest, out)
    assert looked_at == []


def test_a_killed_extraction_goes_on(manifest, tmp_path):
    out, table = tmp_path / "out", tmp_path / "manifest.csv"
    manifest.to_csv(table, index=False)
    code = (
        "import sys, time, pandas as pd\n"
        "from aletheia.faces import extraction, worker\n"
        "really = worker.FaceExtractor.__call__\n"
        "worker.FaceExtractor.__call__ = lambda self, path: (time.sleep(0.3), really(self, path))[1]\n"
        "extraction.extract_faces(pd.read_csv(sys.argv[1]), sys.argv[2], workers=1, progress=False)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(table), str(out)])
    deadline = time.monotonic() + 60
    while not (out / JOURNAL).exists() or (out / JOURNAL).read_bytes().count(b"\n") < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    done = run(manifest, out)
    assert 3 <= done.resumed < len(manifest)
    whole = run(manifest, tmp_path / "other")
    for column in ("label", "face_score", "face_index", "face_keypoints", "original"):
        assert done.manifest[column].tolist() == whole.manifest[column].tolist()


def test_a_file_whose_reader_died_is_tried_again(manifest, tmp_path, monkeypatch):
    out = tmp_path / "out"
    really = FaceExtractor.__call__
    killer = manifest["path"][2]
    monkeypatch.setattr(
        FaceExtractor, "__call__", lambda self, path: self.on_crash(path) if path == killer else really(self, path)
    )
    first = run(manifest, out)
    assert "died" in first.skipped.set_index("path")["reason"][killer]
    monkeypatch.undo()
    again = run(manifest, out)
    assert again.resumed == len(manifest) - 1
    assert killer not in set(again.skipped["path"])
