"""Every view of the page, and the reference of the interface, checked by axe-core in the browser."""

from __future__ import annotations

import numpy as np
import pytest

from ...browsing import violations
from ...waiting import PATIENCE
from .helpers import hand_in, wait_for_answer

pytestmark = pytest.mark.slow


@pytest.fixture
def views(portraits, jpeg, write_video, tmp_path) -> dict:
    """Return the views: what is done on the page until each is there."""
    faces = [picture for picture, _ in portraits[:3]]

    def picture(page) -> None:
        hand_in(page, jpeg(faces[0]))
        wait_for_answer(page)
        for summary in page.locator("main summary:visible, .answer summary:visible").all():
            summary.click()

    def refused(page) -> None:
        hand_in(page, jpeg(np.ascontiguousarray(faces[0][::2, ::2])))
        wait_for_answer(page)

    def broken(page) -> None:
        hand_in(page, b"no picture")
        page.wait_for_selector(".answer.problem")

    def several(page) -> None:
        hand_in(page, jpeg(np.hstack(faces)))
        wait_for_answer(page)

    def video(page) -> None:
        file = write_video(tmp_path / "video.mp4", [np.roll(faces[2], 2 * i, 1) for i in range(8)])
        hand_in(page, file.read_bytes(), "video.mp4", "video/mp4")
        wait_for_answer(page)
        page.click("summary:has-text('The numbers')")

    def about(page) -> None:
        page.locator("#about").get_by_role("button").first.click()
        page.locator("#about").get_by_text("What this model is").wait_for()
        for summary in page.locator("#about summary").all():
            summary.click()

    def nobody(page) -> None:
        hand_in(page, jpeg(np.full((240, 320, 3), 90, np.uint8)))
        wait_for_answer(page)

    return {
        "start": lambda page: None,
        "picture": picture,
        "refused": refused,
        "broken": broken,
        "nobody": nobody,
        "several": several,
        "video": video,
        "about": about,
    }


@pytest.mark.parametrize(
    ("look", "chosen"),
    [
        ("light", ()),
        ("dark", ("start", "several", "refused", "about")),
        ("phone", ("start", "several", "video", "about")),
    ],
)
def test_page_accessible(open_page, axe, views, look, chosen):
    """No violations in any view: all in light colours, those with colours or tables of their own in the others."""
    options = {"dark": look == "dark", **({"width": 390, "height": 844} if look == "phone" else {})}
    found, page = {}, open_page(**options)
    for name, bring in views.items():
        if chosen and name not in chosen:
            continue
        bring(page)
        found |= {name: lines} if (lines := violations(page, axe)) else {}
    assert found == {}


def test_violations_found(browser, axe):
    """The check itself: a picture without a description, and grey on grey."""
    page = browser.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    shown = '<h1>a</h1><p style="color: #ccc">hardly legible</p><img src="data:,">'
    page.set_content(f'<html lang="en"><title>t</title><body style="background: white"><main>{shown}</main>')
    assert {line.partition(":")[0] for line in violations(page, axe)} == {"image-alt", "color-contrast"}
    page.close()
