"""Pictures on the page, with a running service and a browser."""

from __future__ import annotations

import io
import json
import urllib.request

import numpy as np
import pytest
from PIL import Image

from aletheia.serving.web.messages import format_percent

from .helpers import DONE, hand_in, wait_for_answer

pytestmark = pytest.mark.slow


def predict(site, data: bytes) -> dict:
    """Request the answer for the same file as a program does."""
    edge = b"----edge"
    body = b"--%b\r\nContent-Disposition: form-data; name=file; filename=x\r\n\r\n%b\r\n--%b--\r\n" % (edge, data, edge)
    headers = {"Content-Type": f"multipart/form-data; boundary={edge.decode()}"}
    with urllib.request.urlopen(urllib.request.Request(f"{site.url}/v1/predict", body, headers)) as answer:
        return json.load(answer)


def test_page_verdict_equals_api(open_page, site, portraits, jpeg):
    page, data = open_page(), jpeg(portraits[0][0])
    answer = predict(site, data)
    (face,) = answer["faces"]
    hand_in(page, data)
    assert (
        wait_for_answer(page)
        == f"The model takes this face for {'manipulated' if face['verdict'] == 'fake' else 'genuine'}."
    )
    verdict = page.inner_text(".answer")
    assert (
        f"It puts the probability that this face was manipulated at {format_percent(face['probability'])}." in verdict
    )
    assert f"threshold {format_percent(0.2)}" in verdict
    assert "trained on 321 faces: 200 real from cam-a; 121 fake by <b>face-swap</b>" in verdict  # as text
    assert answer["model"]["version"] in verdict
    page.wait_for_function("document.querySelector('.canvas img').naturalWidth === 256")
    # The outline lies where the face is, in shares of the picture that the browser shows from its own copy.
    picture, outline = page.locator(".canvas img").bounding_box(), page.locator(".canvas .face").bounding_box()
    left, top, right, bottom = face["box"]
    expected = [left / 256, top / 256, (right - left) / 256, (bottom - top) / 256]
    outline_box = [(outline["x"] - picture["x"]) / picture["width"], (outline["y"] - picture["y"]) / picture["height"]]
    outline_box += [outline["width"] / picture["width"], outline["height"] / picture["height"]]
    assert np.allclose(outline_box, expected, atol=0.01)
    assert page.get_attribute(".canvas img", "src").startswith("blob:")


def test_page_explanation_and_origin(open_page, portraits, jpeg):
    page = open_page()
    hand_in(page, jpeg(portraits[0][0]))
    wait_for_answer(page)
    closer = page.locator("#closer")
    assert closer.locator(".crops figure").count() == 3  # face, attention, Grad-CAM
    page.wait_for_function("[...document.querySelectorAll('.crops img')].every(image => image.naturalWidth === 240)")
    assert closer.locator("svg.chart polyline.this").count() == 1
    assert "no proof" in closer.inner_text()
    assert "Not part of the score" in page.inner_text("#origin")


def test_page_choose_face(open_page, site, portraits, jpeg):
    page, data = open_page(), jpeg(np.hstack([picture for picture, _ in portraits[:3]]))
    answer = predict(site, data)
    assert len(answer["faces"]) == 3
    hand_in(page, data)
    wait_for_answer(page)
    assert page.locator(".canvas .face").count() == 3
    by_place = sorted(answer["faces"], key=lambda face: face["box"][0])
    for rank, face in enumerate(by_place):
        page.locator(".chip").nth(rank).click()
        assert page.locator(".verdict .panel:visible").count() == 1
        panel = page.inner_text(".verdict .panel:visible")
        assert f"Face {rank + 1}" in panel and format_percent(face["probability"]) in panel
        # Also chosen on the picture: the outline with that number, at that place.
        chosen = page.locator('.canvas .face[aria-pressed="true"]')
        assert chosen.count() == 1 and chosen.inner_text() == str(rank + 1)
        assert page.locator("#closer .panel:visible").count() == 1
    page.locator(".canvas .face").nth(0).click()
    assert page.locator('.chip[aria-pressed="true"]').inner_text().startswith("Face 1")


def test_page_no_face(open_page, jpeg):
    page = open_page()
    hand_in(page, jpeg(np.full((240, 320, 3), 90, np.uint8)))
    assert wait_for_answer(page) == "No face was found in this picture."
    assert page.locator(".canvas .face").count() == 0
    assert not page.is_visible("#closer")


def test_page_cannot_tell(open_page, portraits, jpeg):
    page = open_page()
    hand_in(page, jpeg(np.ascontiguousarray(portraits[0][0][::2, ::2])))
    assert wait_for_answer(page) == "The model cannot tell whether this face is genuine."
    assert "Why: the face is too small" in page.inner_text(".verdict")
    assert not page.is_visible(".verdict .scale")  # a number would be read as an answer


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"no picture at all", "x.jpg"), (b"", "x.png"), (b"\0\0\0\x18ftypmp42" + bytes(99), "x.mp4")],
)
def test_page_bad_file(open_page, data, name):
    page = open_page()
    hand_in(page, data, name)
    page.wait_for_selector(".answer.problem")
    text = page.inner_text(".answer.problem")
    assert text.startswith("That did not work.") and len(text) > 30
    assert "Traceback" not in text and "/" not in text.replace("image/jpeg", "")
    # And the page goes on.
    page.wait_for_selector("#file:enabled", state="attached")
    page.click('[data-sample$="drawn.jpg"]')
    page.wait_for_selector(f"{DONE}:not(.problem)")


def test_page_large_file_not_sent(open_page):
    page, sent = open_page(), []
    page.on("request", lambda request: sent.append(request.url))
    hand_in(page, bytes(1_100_000))
    page.wait_for_selector(".state.problem")
    assert page.inner_text(".state") == "This file is larger than 1 MB. Choose a smaller one."
    assert [url for url in sent if "upload" in url] == []


def test_page_escapes_metadata(open_page, portraits):
    exif = Image.Exif()
    exif[0x010E] = "<img src=x onerror='window.broken = 1'>${window.broken = 2}{{3}}"  # ImageDescription
    exif[0x010F] = "Example Cameras"
    data = io.BytesIO()
    Image.fromarray(portraits[0][0]).save(data, "JPEG", exif=exif)
    page = open_page()
    hand_in(page, data.getvalue())
    wait_for_answer(page)
    origin = page.inner_text("#origin")
    assert "<img src=x onerror='window.broken = 1'>${window.broken = 2}{{3}}" in origin
    assert "Example Cameras" in origin and "easily changed" in origin
    assert page.evaluate("window.broken") is None
