"""HTML of the page: text is escaped, boxes and panels are complete."""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import numpy as np
import pytest

from aletheia.inference.explain import Explanation
from aletheia.models.calibration_map import Calibration
from aletheia.models.spec import ModelSpec
from aletheia.serving.web.explanation_html import FACES, render_explanation
from aletheia.serving.web.gallery import SAMPLES
from aletheia.serving.web.intake import render_intake
from aletheia.serving.web.policies import ASSET, PAGE, STREAM, UPLOAD
from aletheia.serving.web.results_html import icon, render_answer, render_error, render_progress

BAD = "<b>&\"'"
MODEL = {"name": BAD, "version": "v", "threshold": 0.5}


def spec(**changes) -> ModelSpec:
    values = {"threshold": 0.5, "calibration": Calibration(method="platt", scale=2), "trained_on": BAD}
    return ModelSpec(architecture="attention_cnn", input_size=64, **{**values, **changes})


def face(verdict: str, probability: float, box: tuple[float, ...], reason: str = "") -> dict:
    return {"verdict": verdict, "probability": probability, "box": box, "reason": reason}


def answer(*faces: dict, verdict: str, **others) -> dict:
    common = {"kind": "image", "model": MODEL, "width": 200, "height": 100, "timing_ms": {"total": 1500.0}}
    return {**common, "verdict": verdict, "faces": list(faces), **others}


def test_render_answer_order_and_decisive_face():
    """Faces are numbered from the left; the first to be shown is the one that decides the verdict."""
    right = face("real", 0.1, (100, 0, 150, 50))
    left = face("cannot tell", 0.8, (0, 0, 50, 50), reason=BAD)
    middle = face("fake", 0.7, (60, 10, 90, 40))
    text = render_answer(answer(right, left, middle, verdict="fake"), spec())
    assert 'data-first="2"' in text
    outlines = re.findall(r'data-choose="(\d)" style="([^"]*)" aria-label="(Face \d of 3: [a-z ]+)"', text)
    assert [(number, name) for number, _, name in outlines] == [
        ("1", "Face 1 of 3: cannot tell"),
        ("2", "Face 2 of 3: manipulated"),
        ("0", "Face 3 of 3: genuine"),
    ]
    assert outlines[1][1] == "left:30.00%;top:10.00%;width:15.00%;height:30.00%"
    assert re.findall(r'data-panel="(\d)"', text) == ["1", "2", "0"]
    assert text.count('class="scale') == 2  # none for "cannot tell"
    assert "1.50 s" in text


@pytest.mark.parametrize(
    ("device", "says"), [("cpu", "the processor"), ("cuda", "an NVIDIA GPU"), ("gpu", "a GPU (OpenVINO)")]
)
def test_render_answer_names_the_device(device, says):
    one = answer(face("fake", 0.9, (0, 0, 9, 9)), verdict="fake", model={**MODEL, "device": device})
    assert f"computed on {says}" in render_answer(one, spec())


def test_render_answer_escapes():
    text = render_answer(
        answer(face("cannot tell", 0.8, (0, 0, 9, 9), reason=BAD), verdict="cannot tell"),
        spec(threshold_how=BAD),
        truth=BAD,
    )
    assert BAD not in text and text.count(html.escape(BAD)) == 4  # reason, truth, training, model
    assert html.escape(BAD) in render_answer(
        answer(face("fake", 0.9, (0, 0, 9, 9)), verdict="fake"), spec(threshold_how=BAD)
    )


def test_render_answer_box_beyond_picture():
    text = render_answer(answer(face("fake", 0.9, (-50, -50, 300, 300)), verdict="fake"), spec())
    assert "left:0.00%;top:0.00%;width:100.00%;height:100.00%" in text


def test_render_answer_no_face():
    text = render_answer(answer(verdict="no face found"), spec())
    assert "No face was found" in text and "data-choose" not in text and 'class="basis"' not in text


def test_render_answer_asks_only_where_the_truth_is_not_known():
    known = answer(verdict="no face found", id="0b9c<")
    assert ' data-id="0b9c&lt;" data-kind="image"' in render_answer(known, spec())
    assert "data-id" not in render_answer(known, spec(), "an untouched picture")
    assert "data-id" not in render_answer(answer(verdict="no face found"), spec())


def test_render_answer_video():
    faces = [face("fake", 0.9, (0, 0, 100, 50)), face("real", 0.2, (100, 50, 200, 100))]
    person = {**face("fake", 0.8, ()), "times": [0.0, 65.0], "faces": faces}
    video = answer(verdict="fake", kind="video", people=[person], frames=2)
    text = render_answer(video, spec())
    moving = json.loads(html.unescape(re.search(r'data-moving="([^"]*)"', text)[1]))
    assert moving == [
        [
            {"t": 0.0, "l": 0.0, "u": 0.0, "w": 0.5, "h": 0.5, "v": "fake"},
            {"t": 65.0, "l": 0.5, "u": 0.5, "w": 0.5, "h": 0.5, "v": "real"},
        ]
    ]
    assert "Seen from 0:00 to 1:05." in text and "2 frames looked at" in text and text.count("data-seek=") == 2
    assert "<td>1</td><td>1:05</td><td>20\xa0%</td><td>genuine</td>" in text


def test_render_error_and_progress_escape():
    assert html.escape(BAD) in render_error(BAD) and BAD not in render_error(BAD)
    assert BAD not in render_progress(BAD, 0.5) and "value=0.500" in render_progress(BAD, 0.5)
    assert "value=" not in render_progress("x")
    for tone in ("real", "fake", "unsure", "none"):
        ElementTree.fromstring(icon(tone))


def explanation(**changes) -> Explanation:
    """Explain a grey face."""
    side = np.full((64, 64), 0.5, np.float32)
    values = {
        "crop": np.full((64, 64, 3), 90, np.uint8),
        "attention": side,
        "cam": side,
        "spectrum": (np.linspace(0.01, 0.5, 32), np.linspace(0, -60, 32)),
        "typical": None,
    }
    return Explanation(**{**values, **changes})


@pytest.mark.parametrize(("missing", "images"), [((), 3), (("cam",), 2), (("cam", "attention"), 1)])
def test_render_explanation_images(missing, images):
    text = render_explanation([explanation(**dict.fromkeys(missing))], 1)
    assert text.count('<img src="data:image/jpeg;base64,') == images
    assert ("exported without maps" in text) is (images == 1)


def test_render_explanation_empty_map_and_typical():
    band = SimpleNamespace(low=np.full(32, -50.0), mean=np.full(32, -40.0), high=np.full(32, -30.0))
    typical = SimpleNamespace(real=band, fake=None)
    text = render_explanation([explanation(cam=np.zeros((64, 64), np.float32), typical=typical)], 1)
    assert "this map is empty" in text and "nine of ten faces" in text
    assert "typical genuine faces" in text and "typical manipulated faces" not in text


def test_render_explanation_panels():
    """One panel a face, whatever is known of it yet."""
    text = render_explanation([explanation(), None], 4)
    assert re.findall(r'data-panel="(\d)"', text) == ["0", "1", "2", "3"]
    assert "cannot be cut out" in text and text.count(f"Only the {FACES} largest faces") == 2
    assert "aria-busy" in render_explanation([], 2, busy=True)
    failed = render_explanation([], 2, failed=True)
    assert failed.count("did not work just now") == 2 and "aria-busy" not in failed


def test_render_intake():
    limits = {
        "image_formats": [".jpg", ".jpeg", ".png"],
        "video_formats": [".mp4", ".m4v", ".webm"],
        "max_upload_bytes": 50_000_000,
        "max_video_bytes": 1_500_000_000,
    }
    text = render_intake(limits)
    assert 'data-image-bytes="50000000" data-video-bytes="1500000000"' in text
    assert "JPEG or PNG up to 50 MB; MP4 or WebM up to\n1.5 GB" in text
    assert 'accept="image/*,video/*,.jpg,.jpeg,.png,.mp4,.m4v,.webm"' in text
    assert re.findall(r'data-sample="page/gallery/([^"]*)"', text) == [sample.name for sample in SAMPLES]


def test_page_policies():
    """Only assets are public; only uploads may be large; no other site is named."""
    assert [policy.needs_key for policy in (PAGE, UPLOAD, STREAM, ASSET)] == [True, True, True, False]
    assert all(policy.checks_origin for policy in (PAGE, UPLOAD, STREAM, ASSET))
    assert [policy.max_body_bytes for policy in (PAGE, STREAM, ASSET)] == [1 << 20] * 3
    assert callable(UPLOAD.max_body_bytes) and not STREAM.is_timed
    assert "http" not in PAGE.content_security_policy and "*" not in PAGE.content_security_policy


def test_render_answer_shows_notes():
    noted = answer(face("real", 0.1, (0, 0, 9, 9)), verdict="real", notes=["The end of the file is missing.", BAD])
    text = render_answer(noted, spec())
    assert '<p class="basis">The end of the file is missing.</p>' in text
    assert html.escape(BAD) in text and BAD not in text
    empty = answer(verdict="no face found", notes=["It was tone-mapped."], probability=None)
    assert "It was tone-mapped." in render_answer(empty, spec())
