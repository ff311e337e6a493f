"""The page as people use it: the real service, the real browser."""

from __future__ import annotations

import io
import json
import re
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aletheia.serving.page.words import percent

pytestmark = pytest.mark.slow

DONE = ".answer:not(.waiting)"


def hand_in(page, data: bytes, name: str = "picture.jpg", kind: str = "image/jpeg") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": data})


def answered(page) -> str:
    """Wait for the whole answer; its headline."""
    page.wait_for_selector("#origin section")
    page.wait_for_function("!document.querySelector('#closer [aria-busy]')")
    return page.inner_text(f"{DONE} h2")


def asked(site, data: bytes) -> dict:
    """What a program is told of the same file."""
    edge = b"----edge"
    body = b"--%b\r\nContent-Disposition: form-data; name=file; filename=x\r\n\r\n%b\r\n--%b--\r\n" % (edge, data, edge)
    headers = {"Content-Type": f"multipart/form-data; boundary={edge.decode()}"}
    with urllib.request.urlopen(urllib.request.Request(f"{site.url}/v1/predict", body, headers)) as answer:
        return json.load(answer)


def test_a_picture_gets_the_verdict_that_programs_get(open_page, site, portraits, jpeg):
    page, data = open_page(), jpeg(portraits[0][0])
    told = asked(site, data)
    (face,) = told["faces"]
    hand_in(page, data)
    assert (
        answered(page) == f"The model takes this face for {'manipulated' if face['verdict'] == 'fake' else 'genuine'}."
    )
    verdict = page.inner_text(".answer")
    assert f"It puts the probability that this face was manipulated at {percent(face['probability'])}." in verdict
    assert f"threshold {percent(0.2)}" in verdict
    assert "trained on 321 faces: 200 real from cam-a; 121 fake by <b>face-swap</b>" in verdict  # as text
    assert told["model"]["version"] in verdict
    # The outline lies where the face is, in shares of the picture that the browser shows from its own copy.
    picture, outline = page.locator(".canvas img").bounding_box(), page.locator(".canvas .face").bounding_box()
    left, top, right, bottom = face["box"]
    expected = [left / 256, top / 256, (right - left) / 256, (bottom - top) / 256]
    found = [(outline["x"] - picture["x"]) / picture["width"], (outline["y"] - picture["y"]) / picture["height"]]
    found += [outline["width"] / picture["width"], outline["height"] / picture["height"]]
    assert np.allclose(found, expected, atol=0.01)
    assert page.get_attribute(".canvas img", "src").startswith("blob:")
    assert page.evaluate("document.querySelector('.canvas img').naturalWidth") == 256


def test_a_closer_look_and_the_files_own_story(open_page, portraits, jpeg):
    page = open_page()
    hand_in(page, jpeg(portraits[0][0]))
    answered(page)
    closer = page.locator("#closer")
    assert closer.locator(".crops figure").count() == 3  # face, attention, Grad-CAM
    wide = "[...document.querySelectorAll('.crops img')].map(image => image.naturalWidth)"
    assert page.evaluate(wide) == [240, 240, 240]
    assert closer.locator("svg.chart polyline.this").count() == 1
    assert "no proof" in closer.inner_text()
    assert "Not part of the score" in page.inner_text("#origin")


def test_each_of_several_faces_can_be_chosen(open_page, site, portraits, jpeg):
    page, data = open_page(), jpeg(np.hstack([picture for picture, _ in portraits[:3]]))
    told = asked(site, data)
    assert len(told["faces"]) == 3
    hand_in(page, data)
    answered(page)
    assert page.locator(".canvas .face").count() == 3
    by_place = sorted(told["faces"], key=lambda face: face["box"][0])
    for rank, face in enumerate(by_place):
        page.locator(".chip").nth(rank).click()
        assert page.locator(".verdict .panel:visible").count() == 1
        panel = page.inner_text(".verdict .panel:visible")
        assert f"Face {rank + 1}" in panel and percent(face["probability"]) in panel
        # Chosen on the picture, too: the outline with that number, at that place.
        chosen = page.locator('.canvas .face[aria-pressed="true"]')
        assert chosen.count() == 1 and chosen.inner_text() == str(rank + 1)
        assert page.locator("#closer .panel:visible").count() == 1
    page.locator(".canvas .face").nth(0).click()
    assert page.locator('.chip[aria-pressed="true"]').inner_text().startswith("Face 1")


def test_a_picture_without_a_face(open_page, jpeg):
    page = open_page()
    hand_in(page, jpeg(np.full((240, 320, 3), 90, np.uint8)))
    assert answered(page) == "No face was found in this picture."
    assert page.locator(".canvas .face").count() == 0
    assert not page.is_visible("#closer")


def test_a_face_that_cannot_be_told(open_page, portraits, jpeg):
    page = open_page()
    hand_in(page, jpeg(np.ascontiguousarray(portraits[0][0][::2, ::2])))
    assert answered(page) == "The model cannot tell whether this face is genuine."
    assert "Why: the face is too small" in page.inner_text(".verdict")
    assert not page.is_visible(".verdict .scale")  # a number would be read as an answer


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"no picture at all", "x.jpg"), (b"", "x.png"), (b"\0\0\0\x18ftypmp42" + bytes(99), "x.mp4")],
)
def test_a_bad_file_is_answered_with_a_sentence(open_page, data, name):
    page = open_page()
    hand_in(page, data, name)
    page.wait_for_selector(".answer.problem")
    text = page.inner_text(".answer.problem")
    assert text.startswith("That did not work.") and len(text) > 30
    assert "Traceback" not in text and "/" not in text.replace("image/jpeg", "")
    # And the page goes on.
    assert page.is_enabled("#file")
    page.click('[data-sample$="drawn.jpg"]')
    page.wait_for_selector(f"{DONE}:not(.problem)")


def test_a_file_that_is_too_large_is_not_even_sent(open_page):
    page, sent = open_page(), []
    page.on("request", lambda request: sent.append(request.url))
    hand_in(page, bytes(1_100_000))
    page.wait_for_selector(".state.problem")
    assert page.inner_text(".state") == "This file is larger than 1 MB. Choose a smaller one."
    assert [url for url in sent if "upload" in url] == []


def test_a_video_has_a_timeline(open_page, portraits, write_video, tmp_path):
    page = open_page()
    file = write_video(tmp_path / "video.mp4", [np.roll(portraits[2][0], 2 * i, 1) for i in range(10)])
    hand_in(page, file.read_bytes(), "video.mp4", "video/mp4")
    assert re.fullmatch(r"The model takes this person’s face for \w+\.", answered(page))
    assert page.locator(".timeline .point").count() == 10
    page.wait_for_function("document.querySelector('.canvas video').readyState >= 2")
    page.locator(".timeline .point").nth(7).click()
    page.wait_for_function("Math.abs(document.querySelector('.canvas video').currentTime - 1.4) < 0.2")
    page.wait_for_selector(".moving .face", state="attached")
    page.click("summary:has-text('The numbers')")
    assert page.locator(".answer ~ section table tr").count() == 11
    # One moment as a picture, which can be looked at closely.
    page.click("[data-grab]")
    page.wait_for_selector("#closer .crops")
    assert page.inner_text(f"{DONE} h2").startswith("The model")


def test_files_are_gone_after_the_answer(open_page, site, portraits, jpeg):
    page, folder = open_page(), Path(site.uploads)
    assert "aletheia-uploads" in folder.name
    hand_in(page, jpeg(portraits[0][0]))
    answered(page)
    end = time.monotonic() + 5
    while list(folder.rglob("*")) and time.monotonic() < end:
        time.sleep(0.05)
    assert list(folder.rglob("*")) == []


def test_a_reader_who_leaves_takes_the_file_along(open_page, site, portraits, write_video, tmp_path):
    page, folder = open_page(), Path(site.uploads)
    open_page.expected += ["AbortError", "errored out"]  # of what was under way when the page was left
    file = write_video(tmp_path / "video.mp4", [np.tile(portraits[2][0], (4, 4, 1))] * 16, crf=30)
    hand_in(page, file.read_bytes(), "video.mp4", "video/mp4")
    page.wait_for_selector(".answer.waiting")
    assert list(folder.rglob("*.mp4"))
    page.goto("about:blank")
    end = time.monotonic() + 20
    while list(folder.rglob("*.mp4")) and time.monotonic() < end:
        time.sleep(0.1)
    assert list(folder.rglob("*.mp4")) == []


def test_a_video_can_be_stopped(open_page, portraits, write_video, tmp_path):
    page = open_page()
    file = write_video(tmp_path / "video.mp4", [np.tile(portraits[2][0], (4, 4, 1))] * 16, crf=30)
    hand_in(page, file.read_bytes(), "video.mp4", "video/mp4")
    page.click("[data-stop]")
    page.wait_for_selector(".answer", state="detached")
    assert page.inner_text(".state") == "Stopped."
    page.click('[data-sample$="drawn.jpg"]')
    page.wait_for_selector(DONE)


def test_a_full_queue_is_told(open_page, site, monkeypatch):
    page = open_page()
    open_page.expected += ["503"]
    page.route("**/gradio_api/queue/join*", lambda route: route.fulfill(status=503, json={"detail": "Queue is full."}))
    page.click('[data-sample$="drawn.jpg"]')
    page.wait_for_selector(".answer.problem")
    assert "Too many files wait here" in page.inner_text(".answer")
    page.unroute("**/gradio_api/queue/join*")
    page.click('[data-sample$="drawn.jpg"]')
    page.wait_for_selector(f"{DONE}:not(.problem)")


def test_what_others_wrote_into_a_file_stays_text(open_page, portraits):
    exif = Image.Exif()
    exif[0x010E] = "<img src=x onerror='window.broken = 1'>${window.broken = 2}{{3}}"  # ImageDescription
    exif[0x010F] = "Example Cameras"
    data = io.BytesIO()
    Image.fromarray(portraits[0][0]).save(data, "JPEG", exif=exif)
    page = open_page()
    hand_in(page, data.getvalue())
    answered(page)
    origin = page.inner_text("#origin")
    assert "<img src=x onerror='window.broken = 1'>${window.broken = 2}{{3}}" in origin
    assert "Example Cameras" in origin and "easily changed" in origin
    assert page.evaluate("window.broken") is None


def test_the_gallery_says_what_its_pictures_really_are(open_page):
    page = open_page()
    assert page.locator("[data-sample]").count() == 7
    page.click('[data-sample$="swapped.jpg"]')
    answered(page)
    assert "What it really is: a drawn face with the inner part of another person’s." in page.inner_text(".answer")


def test_dropped_and_pasted(open_page, portraits, jpeg):
    page = open_page()
    bring = """([type, bytes]) => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(bytes)], "p.jpg", {type: "image/jpeg"}));
        const target = document.querySelector("h1");
        const event = type === "drop" ? new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: files})
            : new ClipboardEvent("paste", {bubbles: true, clipboardData: files});
        target.dispatchEvent(event);
        return event.defaultPrevented;
    }"""
    assert page.evaluate(bring, ["drop", list(jpeg(portraits[0][0]))])  # else the browser leaves the page
    assert answered(page).startswith("The model")
    page.evaluate(bring, ["paste", list(jpeg(np.full((99, 99, 3), 9, np.uint8)))])
    page.wait_for_selector("h2:has-text('No face was found')")


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone(open_page, portraits, jpeg, width):
    page = open_page(width=width, height=780)
    hand_in(page, jpeg(np.hstack([picture for picture, _ in portraits[:3]])))
    answered(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = """() => [...document.querySelectorAll('h1, h2, h3, p, .chip, .scale, figure, svg.chart')]
        .filter(element => element.checkVisibility() && !element.closest('.gallery'))
        .map(element => [element.outerHTML.slice(0, 99), element.getBoundingClientRect()])
        .filter(([_, box]) => box.left < 0 || box.right > innerWidth + 1).map(([name, _]) => name)"""
    assert page.evaluate(cut) == []
    smallest = "Math.min(...[...document.querySelectorAll('.chip')].map(chip => chip.getBoundingClientRect().height))"
    assert page.evaluate(smallest) >= 24  # WCAG 2.2, target size


def test_by_keyboard_alone(open_page):
    page = open_page()
    focus = "document.activeElement.id || document.activeElement.dataset.sample || document.activeElement.tagName"

    def tab_to(what: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate(focus) == what:
                return
        raise AssertionError(f"Tab never comes to {what}")

    tab_to("file")
    shown = "getComputedStyle(document.querySelector('.zone label')).outlineStyle"
    assert page.evaluate(shown) == "solid"  # one sees where one is
    tab_to("page/gallery/three.jpg")
    page.keyboard.press("Enter")
    answered(page)
    assert page.evaluate("document.activeElement.matches('.answer h2')")  # the answer is read out
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("chip")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    tab_to("SUMMARY")
    page.keyboard.press("Enter")
    assert "Think of 100 faces" in page.inner_text(".verdict .panel:visible")


CONTRAST = """(selectors) => {
    const value = (text) => {
        const drawing = document.createElement('canvas').getContext('2d');
        drawing.fillStyle = text;
        drawing.fillRect(0, 0, 1, 1);
        return drawing.getImageData(0, 0, 1, 1).data;
    };
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const behind = (element) => {
        for (; element; element = element.parentElement) {
            const colour = value(getComputedStyle(element).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return [255, 255, 255];
    };
    const elements = selectors.flatMap((selector) => [...document.querySelectorAll(selector)]);
    return elements.filter((element) => element.checkVisibility()).map((element) => {
        const both = [light(value(getComputedStyle(element).color)), light(behind(element))];
        return [element.outerHTML.slice(0, 60), (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05)];
    });
}"""


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark_are_readable(open_page, dark):
    page = open_page(dark=dark)
    page.click('[data-sample$="three.jpg"]')
    answered(page)
    background = page.evaluate("getComputedStyle(document.querySelector('.gradio-container')).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 200) == dark
    parts = [
        "h1",
        "h2",
        "h3",
        "p",
        "li",
        ".chip",
        ".chip small",
        "summary",
        "figcaption",
        ".ends span",
        "a",
        "label span",
    ]
    found = page.evaluate(CONTRAST, parts)
    assert len(found) > 25
    assert [pair for pair in found if pair[1] < 4.5] == []  # WCAG 2.2, contrast (minimum)


def test_the_model_card_is_one_click_away(open_page, site):
    page = open_page()
    about = page.locator("#about")
    assert "What this model is" not in about.inner_text()
    about.get_by_role("button").click()
    about.get_by_text("What this model is").wait_for()
    assert "321 faces" in about.inner_text() and "one piece of evidence" in about.inner_text()


@pytest.mark.parametrize(
    "path",
    [
        "monitoring",
        "gradio_api/file=/etc/hostname",
        "gradio_api/deep_link?session_hash=x",
        "gradio_api/proxy=http://x/",
    ],
)
def test_gradios_other_doors_are_shut(site, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{site.url}/{path}")
    assert refused.value.code == 404


def test_the_page_names_no_other_site(site):
    with urllib.request.urlopen(site.url) as answer:
        html = answer.read().decode()
    assert set(re.findall(r"https?://([^/\"'\s\\]+)", html)) <= {site.url.removeprefix("http://")}
    assert '"analytics_enabled":false' in html
