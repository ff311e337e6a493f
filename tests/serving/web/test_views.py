"""Parts of the page that need no browser: charts, origin, gallery, handlers."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.imaging.media_types import begins_as_video
from aletheia.serving.uploads import Upload
from aletheia.serving.web import charts
from aletheia.serving.web.gallery import SAMPLES, Gallery
from aletheia.serving.web.handlers import Examiner
from aletheia.serving.web.provenance_html import render_provenance
from aletheia.serving.web.uploads import UploadStore

from ...waiting import PATIENCE


def points(svg: str, kind: str) -> np.ndarray:
    """Return the positions of a line's points (n, 2)."""
    (text,) = re.findall(rf'<polyline class="line {kind}" points="([^"]*)"', svg)
    return np.array([[float(v) for v in pair.split(",")] for pair in text.split()])


def test_spectrum_chart_scale():
    x = np.linspace(0.01, 0.5, 32)
    typical = {"real": {"low": np.full(32, -50.0), "mean": np.full(32, -40.0), "high": np.full(32, -30.0)}}
    drawn = charts.spectrum_chart(x, np.linspace(0, -60, 32), typical)
    this, mean = points(drawn, "this"), points(drawn, "real")
    assert np.allclose(np.diff(this[:, 1]), np.diff(this[:, 1])[0], atol=0.11) and this[0, 1] < this[-1, 1]
    # -40 dB is two thirds of the way from 0 to -60.
    assert mean[0, 1] == pytest.approx(this[0, 1] + (this[-1, 1] - this[0, 1]) * 2 / 3, abs=0.2)
    assert "typical genuine faces" in drawn and "typical manipulated" not in drawn
    ElementTree.fromstring(re.search(r"<svg.*</svg>", drawn)[0])


def test_spectrum_chart_one_colour():
    assert "no spectrum" in charts.spectrum_chart(np.linspace(0, 0.5, 8), np.full(8, np.nan), {})


def test_timeline_chart_positions():
    person = {
        "times": [0.0, 5.0, 10.0],
        "faces": [{"probability": p, "verdict": "fake"} for p in (0.0, 1.0, 0.5)],
    }
    drawn = charts.timeline_chart([person], 10.0, 0.5)
    circles = np.array([[float(v) for v in pair] for pair in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn)])
    assert circles[1, 0] == pytest.approx((circles[0, 0] + circles[2, 0]) / 2, abs=0.1)
    assert circles[2, 1] == pytest.approx((circles[0, 1] + circles[1, 1]) / 2, abs=0.1)
    assert re.findall(r'data-seek="([\d.]+)"', drawn) == ["0.000", "5.000", "10.000"]
    ElementTree.fromstring(re.search(r"<svg.*</svg>", drawn)[0])


def test_render_provenance_escapes():
    bad = "<script>alert(1)</script>"
    c2pa = {
        "valid": True,
        "trusted": False,
        "issuer": bad,
        "generator": bad,
        "when": bad,
        "actions": [bad],
        "problems": [bad],
    }
    html = render_provenance({"exif": [[bad, bad]], "c2pa": c2pa, "software": [bad]})
    assert "<script" not in html and html.count("&lt;script&gt;") == 8


def test_render_provenance_wording():
    empty = {"exif": [], "c2pa": None, "software": []}
    assert "neither for nor against" in render_provenance(empty)
    c2pa = {"valid": True, "trusted": False, "issuer": "X", "generator": "", "when": "", "actions": [], "problems": []}
    assert "anybody can sign" in render_provenance({**empty, "c2pa": c2pa})
    assert "trusted here" in render_provenance({**empty, "c2pa": {**c2pa, "trusted": True}})
    broken = render_provenance({**empty, "c2pa": {**c2pa, "valid": False, "problems": ["it was changed"]}})
    assert "do not hold" in broken and "it was changed" in broken
    for html in (render_provenance(None), render_provenance(empty), broken):
        assert "Not part of the score" in html


@pytest.fixture
def uploads() -> UploadStore:
    made = UploadStore(capacity=2)
    yield made
    made.close()


def put(uploads: UploadStore, data: bytes) -> str:
    """Store a file and claim it; returns its token."""
    file = tempfile.SpooledTemporaryFile(1 << 20)  # noqa: SIM115 -- closed with the uploads
    file.write(data)
    token = uploads.keep(Upload(file, len(data)))
    assert uploads.claim(token)
    return token


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> Gallery:
    return Gallery(tmp_path_factory.mktemp("gallery"))


def test_gallery_size_and_truth(gallery):
    sizes = [gallery.path(sample).stat().st_size for sample in SAMPLES]
    assert sum(sizes) < 300_000
    for sample in SAMPLES:
        assert gallery.truth(gallery.path(sample).read_bytes()) == sample.truth
    assert gallery.truth(b"anything else") == ""


def test_gallery_drawn_once_and_reproducible(gallery, tmp_path):
    times = [gallery.path(sample).stat().st_mtime_ns for sample in SAMPLES]
    Gallery(gallery.folder)
    assert [gallery.path(sample).stat().st_mtime_ns for sample in SAMPLES] == times
    again = Gallery(tmp_path)
    drawn = [gallery.path(SAMPLES[0]), again.path(SAMPLES[0])]
    assert np.array_equal(*(cv2.imread(str(path)) for path in drawn))


def test_gallery_face_counts(gallery):
    from aletheia.faces.detectors.blazeface import BlazeFace

    detector = BlazeFace(threads=1)
    counts = {
        sample.name: len(detector.detect(cv2.imread(str(gallery.path(sample)))[..., ::-1].copy()))
        for sample in SAMPLES
        if sample.name.endswith(".jpg")
    }
    assert counts == {
        "drawn.jpg": 1,
        "swapped.jpg": 1,
        "blended.jpg": 1,
        "upsampled.jpg": 1,
        "three.jpg": 3,
        "nobody.jpg": 0,
    }


@pytest.fixture(scope="module")
def service(make_service):
    return make_service(max_upload_bytes=1_000_000)


def test_examiner_deletes_file(service, uploads, gallery, portraits, jpeg, monkeypatch):
    examiner = Examiner(service, uploads, gallery)
    *_, last = examiner.examine(put(uploads, jpeg(portraits[0][0])))
    assert (
        "the model leans to taking this face for" in last[0]
        and "A closer look" in last[1]
        and "Not part of the score" in last[2]
    )
    assert uploads.size() == 0
    ((shown, *_),) = list(examiner.examine(put(uploads, bytes(1_000_001))))
    assert "send a smaller one" in shown and uploads.size() == 0
    monkeypatch.setattr(service, "answer_image", lambda data: 1 / 0)
    *_, (shown, _, _) = examiner.examine(put(uploads, jpeg(portraits[0][0])))
    assert "on our side" in shown and "division" not in shown and uploads.size() == 0


def test_examiner_keeps_answer_when_details_fail(service, uploads, gallery, portraits, jpeg, monkeypatch, caplog):
    """As when the network for explanations is missing, or the queue is full: no path of the server is shown."""
    examiner, data = Examiner(service, uploads, gallery), jpeg(np.hstack([portraits[0][0], portraits[1][0]]))
    whole = [shown for shown in examiner.examine(put(uploads, data))]

    def fails(data: bytes, count: int, version: str):
        raise InputError("There is no explain.onnx in /srv/models/secret.")

    monkeypatch.setattr(service, "explain_image", fails)
    *_, (answer, explanation, origin) = examiner.examine(put(uploads, data))
    changing = r'[\d.]+ s\b|data-id="\w+"'
    assert [re.sub(changing, "", text) for text in (answer, origin)] == [
        re.sub(changing, "", text) for text in (whole[-1][0], whole[-1][2])
    ]
    assert "did not work just now" in explanation and "Face, cut out" in whole[-1][1]
    assert "aria-busy" not in explanation and "secret" not in explanation and "/srv/models/secret" in caplog.text
    monkeypatch.setattr(service, "explain_image", lambda *args: 1 / 0)
    monkeypatch.setattr(service, "provenance", lambda data: 1 / 0)
    *_, (answer, explanation, origin) = examiner.examine(put(uploads, data))
    assert (
        "That did not work" not in answer and "could not be read" in origin and "did not work just now" in explanation
    )
    assert uploads.size() == 0


def test_examiner_closed_ends_video(service, uploads, gallery, portraits, write_video, tmp_path, until):
    film = write_video(tmp_path / "film.mp4", [portraits[0][0]] * 16)
    detect = service.loaded.predictor.detector.detect
    count, closed = 0, threading.Event()

    def counted(rgb, check):
        nonlocal count
        count += 1
        # Gradio closes on the event loop of the service, where nobody may wait for the frame under way.
        assert count == 1 or closed.wait(PATIENCE), "closing waited for the detector"
        return detect(rgb, check)

    service.loaded.predictor.detector.detect = counted
    try:
        shown = Examiner(service, uploads, gallery).examine(put(uploads, film.read_bytes()))
        assert "Looking at the frames" in next(shown)[0]
        assert "value=" in next(shown)[0]  # the first frame is done
        until(lambda: count == 2)
        shown.close()
        still_working = service.admission.working
        closed.set()
        assert still_working
        until(lambda: not service.admission.working)
        assert count == 2  # the frame under way, and no more
    finally:
        del service.loaded.predictor.detector.detect
    assert uploads.size() == 0


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\0\0\0\x18ftypmp42", True),
        (b"\0\0\0\x18ftypavif", False),
        (b"\x1aE\xdf\xa3....", True),
        (b"RIFF\0\0\0\0AVI LIST", True),
        (b"RIFF\0\0\0\0WEBPVP8 ", False),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", False),
        (b"", False),
    ],
)
def test_begins_as_video(head, expected):
    assert begins_as_video(head) is expected


@pytest.mark.slow
def test_mount_imports():
    code = "import sys, aletheia.serving.web.mount; print({'torch', 'mlrun', 'sklearn'} & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "set()"
