"""Use of the page by mouse, keyboard and touch, in light and dark; routes that it does not have."""

from __future__ import annotations

import re
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest

from ...waiting import PATIENCE
from .conftest import TRAINED_ON
from .helpers import hand_in, wait_for_answer, wait_for_headline

pytestmark = pytest.mark.slow


def test_page_drop_and_paste(open_page, portraits, jpeg):
    page = open_page()
    bring = """([type, ...pictures]) => pictures.map((bytes) => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(bytes)], "p.jpg", {type: "image/jpeg"}));
        const target = document.querySelector("h1");
        const event = type === "drop" ? new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: files})
            : new ClipboardEvent("paste", {bubbles: true, clipboardData: files});
        target.dispatchEvent(event);
        return [event.defaultPrevented, document.querySelector("#intake .state").innerText];
    })"""
    # Both at once: the answer to the first cannot come between.
    first, second = page.evaluate(bring, ["drop", list(jpeg(portraits[0][0])), list(b"another")])
    assert first[0] and second[0]  # else the browser leaves the page
    assert second[1].startswith("One file at a time")
    assert wait_for_answer(page).startswith("The model")
    assert page.inner_text("#intake .state") == ""
    page.evaluate(bring, ["paste", list(jpeg(np.full((99, 99, 3), 9, np.uint8)))])
    page.wait_for_selector("h2:has-text('No face was found')")


def test_page_next_file_while_explaining(open_page, site, portraits, jpeg, monkeypatch):
    """A file that comes while the one before is still being explained gets its own answer."""
    explain, may_explain = site.service.explain_image, threading.Event()
    monkeypatch.setattr(site.service, "explain_image", lambda *args: may_explain.wait(PATIENCE) and explain(*args))
    page = open_page()
    hand_in(page, jpeg(portraits[0][0]))
    assert wait_for_headline(page).startswith("The model")
    hand_in(page, b"no picture")
    page.wait_for_selector("#intake.busy")
    may_explain.set()
    page.wait_for_selector(".answer.problem")
    hand_in(page, jpeg(np.full((99, 99, 3), 9, np.uint8)))
    page.wait_for_selector("h2:has-text('No face was found')")


@pytest.mark.parametrize("width", [320, 390])
def test_page_on_phone(open_page, portraits, jpeg, width):
    page = open_page(width=width, height=780)
    hand_in(page, jpeg(np.hstack([picture for picture, _ in portraits[:3]])))
    wait_for_answer(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = """() => [...document.querySelectorAll('h1, h2, h3, p, .chip, .scale, figure, svg.chart')]
        .filter(element => element.checkVisibility() && !element.closest('.gallery'))
        .map(element => [element.outerHTML.slice(0, 99), element.getBoundingClientRect()])
        .filter(([_, box]) => box.left < 0 || box.right > innerWidth + 1).map(([name, _]) => name)"""
    assert page.evaluate(cut) == []
    smallest = "Math.min(...[...document.querySelectorAll('.chip')].map(chip => chip.getBoundingClientRect().height))"
    assert page.evaluate(smallest) >= 24  # WCAG 2.2, target size


def test_page_by_keyboard(open_page):
    page = open_page()
    focus = "document.activeElement.id || document.activeElement.dataset.sample || document.activeElement.tagName"

    def tab_to(target: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate(focus) == target:
                return
        raise AssertionError(f"Tab never reaches {target}")

    tab_to("file")
    shown = "getComputedStyle(document.querySelector('.zone label')).outlineStyle"
    assert page.evaluate(shown) == "solid"  # the focus is visible
    tab_to("page/gallery/three.jpg")
    page.keyboard.press("Enter")
    wait_for_answer(page)
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
def test_page_contrast(open_page, dark):
    page = open_page(dark=dark)
    page.click('[data-sample$="three.jpg"]')
    wait_for_answer(page)
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
    contrasts = page.evaluate(CONTRAST, parts)
    assert len(contrasts) > 25
    assert [pair for pair in contrasts if pair[1] < 4.5] == []  # WCAG 2.2, contrast (minimum)


def test_page_gallery_shows_ground_truth(open_page):
    page = open_page()
    assert page.locator("[data-sample]").count() == 7
    page.click('[data-sample$="swapped.jpg"]')
    wait_for_answer(page)
    assert "What it really is: a drawn face with the inner part of another person’s." in page.inner_text(".answer")


def test_page_model_card(open_page, site):
    page = open_page()
    about = page.locator("#about")
    assert "What this model is" not in about.inner_text()
    about.get_by_role("button").click()
    about.get_by_text("What this model is").wait_for()
    text = about.inner_text()
    assert TRAINED_ON in text and "one piece of evidence" in text  # names of the data are no markup
    assert "skin tone" not in text  # folded
    about.get_by_text("Groups of people").click()
    table = about.get_by_role("region", name="Groups of people")
    assert "f585d520" in table.inner_text() and "f585d52041c5" not in about.inner_text()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Groups of people"


@pytest.mark.parametrize(
    "path",
    [
        "monitoring",
        "gradio_api/file=/etc/hostname",
        "gradio_api/deep_link?session_hash=x",
        "gradio_api/proxy=http://x/",
        "gradio_api/startup-events",
        "gradio_api/heartbeat/x",
        "gradio_api/upload_progress?upload_id=x",
        "gradio_api/info",
    ],
)
def test_page_hides_gradio_routes(site, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{site.url}/{path}")
    assert refused.value.code == 404


def test_page_names_no_other_site(site):
    with urllib.request.urlopen(site.url) as answer:
        html = answer.read().decode()
    assert set(re.findall(r"https?://([^/\"'\s\\]+)", html)) <= {site.url.removeprefix("http://")}
    assert '"analytics_enabled":false' in html
