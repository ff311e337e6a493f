"""The journal: an extraction that was killed resumes; files that changed since are extracted again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pandas as pd
import pytest

from aletheia.faces.crop_config import CropConfig
from aletheia.faces.extraction import extract_faces
from aletheia.faces.journal import JOURNAL
from aletheia.faces.worker import FaceExtractor


@pytest.fixture
def manifest(tmp_path, portraits):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, (image, *_) in enumerate(portraits):
        cv2.imwrite(str(folder / f"{index}.png"), image[..., ::-1])
    (folder / "broken.jpg").write_bytes(b"no image")
    return pd.DataFrame({"path": sorted(map(str, folder.iterdir())), "label": "real"})


@pytest.fixture
def processed(monkeypatch):
    """Names of the files that an extractor was called with."""
    names = []
    original = FaceExtractor.__call__

    def record(self, path):
        names.append(Path(path).name)
        return original(self, path)

    monkeypatch.setattr(FaceExtractor, "__call__", record)
    return names


def run(manifest, out, **options):
    return extract_faces(manifest, out, CropConfig(**options), workers=1, progress=False)


def test_journal_nothing_done_twice(manifest, tmp_path, processed):
    first = run(manifest, tmp_path / "out")
    assert len(processed) == len(manifest) and first.resumed == 0
    second = run(manifest, tmp_path / "out")
    assert len(processed) == len(manifest) and second.resumed == len(manifest)
    pd.testing.assert_frame_equal(first.manifest, second.manifest)
    pd.testing.assert_frame_equal(first.skipped, second.skipped)
    assert first.stages == second.stages


def test_journal_changed_files_done_again(manifest, tmp_path, processed):
    out = tmp_path / "out"
    first = run(manifest, out)
    processed.clear()
    os.utime(manifest["path"][1], (1, 1))
    Path(first.manifest["path"][3]).unlink()
    Path(first.manifest["path"][4]).write_bytes(b"")
    again = run(manifest, out)
    changed = {manifest["path"][1], first.manifest["original"][3], first.manifest["original"][4]}
    assert sorted(processed) == sorted(Path(path).name for path in changed)
    pd.testing.assert_frame_equal(first.manifest, again.manifest)
    processed.clear()
    run(manifest, out, size=64)
    run(manifest, out, min_size=500)
    assert len(processed) == 2 * len(manifest)


def test_journal_damaged_lines_ignored(manifest, tmp_path, processed):
    out = tmp_path / "out"
    first = run(manifest, out)
    lines = (out / JOURNAL).read_bytes().splitlines(keepends=True)
    assert len(lines) == len(manifest)
    lines[1] = lines[1][:33] + b'{"faces": [["../../etc/passwd", [1], [], 1, 0]], "reason": "", "stage": ""}\n'
    lines[2] = lines[2][:33] + b"[1]\n"
    (out / JOURNAL).write_bytes(b"".join(lines)[:-20])
    processed.clear()
    again = run(manifest, out)
    assert len(processed) == 3
    pd.testing.assert_frame_equal(first.manifest, again.manifest)
    processed.clear()
    run(manifest, out)
    assert processed == []


def test_journal_killed_extraction_resumes(manifest, tmp_path):
    out, table = tmp_path / "out", tmp_path / "manifest.csv"
    manifest.to_csv(table, index=False)
    code = (
        "import sys, pandas as pd\n"
        "from aletheia.faces import extraction, worker\n"
        "original, begun = worker.FaceExtractor.__call__, []\n"
        "def stop(self, path):\n"
        "    begun.append(path)\n"
        "    if len(begun) == 5:\n"
        "        print('fifth', flush=True)\n"
        "        sys.stdin.read()\n"
        "    return original(self, path)\n"
        "worker.FaceExtractor.__call__ = stop\n"
        "extraction.extract_faces(pd.read_csv(sys.argv[1]), sys.argv[2], workers=1, progress=False)\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(table), str(out)], **pipes) as process:
        assert process.stdout.readline() == b"fifth\n"
        process.kill()
    extracted = run(manifest, out)
    assert 3 <= extracted.resumed < len(manifest)
    whole = run(manifest, tmp_path / "other")
    for column in ("label", "face_score", "face_index", "face_keypoints", "original"):
        assert extracted.manifest[column].tolist() == whole.manifest[column].tolist()


def test_journal_crashed_file_tried_again(manifest, tmp_path, monkeypatch):
    out = tmp_path / "out"
    original = FaceExtractor.__call__
    killer = manifest["path"][2]
    monkeypatch.setattr(
        FaceExtractor, "__call__", lambda self, path: self.on_crash(path) if path == killer else original(self, path)
    )
    first = run(manifest, out)
    assert "died" in first.skipped.set_index("path")["reason"][killer]
    monkeypatch.undo()
    again = run(manifest, out)
    assert again.resumed == len(manifest) - 1
    assert killer not in set(again.skipped["path"])


def test_journal_key_of_earlier_versions(manifest, tmp_path):
    """The lines of a time without a choice of detectors, whose settings ended here, are still found."""
    run(manifest, tmp_path / "out")
    keys = {line[:32].decode() for line in (tmp_path / "out" / JOURNAL).read_bytes().splitlines()}
    for path in manifest["path"]:
        status = Path(path).stat()
        stamp = f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode()
        assert hashlib.sha256(stamp + b'[128, "scale", 0.2, 0.75][true, 32, 16]').hexdigest()[:32] in keys
