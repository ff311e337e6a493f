"""Videos on the page and the deletion of files, with a running service and a browser."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest

from ...waiting import PATIENCE
from .helpers import DONE, hand_in, wait_for_answer

pytestmark = pytest.mark.slow


@pytest.fixture
def held(site, monkeypatch):
    """No answer to a video gets further than its first frame, however slow the reader, before this event is set."""
    answer_video, may_go_on = site.service.answer_video, threading.Event()

    def answer(file, frames, report):
        return answer_video(file, frames, lambda share: report(share) or may_go_on.wait(PATIENCE))

    monkeypatch.setattr(site.service, "answer_video", answer)
    yield may_go_on
    may_go_on.set()


def test_page_video_timeline(open_page, portraits, write_video, tmp_path):
    page = open_page()
    file = write_video(tmp_path / "video.mp4", [np.roll(portraits[2][0], 2 * i, 1) for i in range(10)])
    hand_in(page, file.read_bytes(), "video.mp4", "video/mp4")
    assert re.fullmatch(r"The model takes this person’s face for \w+\.", wait_for_answer(page))
    assert page.locator(".timeline .point").count() == 10
    page.wait_for_function("document.querySelector('.canvas video').readyState >= 2")
    page.locator(".timeline .point").nth(7).click()
    page.wait_for_function("Math.abs(document.querySelector('.canvas video').currentTime - 1.4) < 0.2")
    page.wait_for_selector(".moving .face", state="attached")
    page.click("summary:has-text('The numbers')")
    assert page.locator(".answer ~ section table tr").count() == 11
    # One moment as a picture, with an explanation.
    page.click("[data-grab]")
    page.wait_for_selector("#closer .crops")
    assert page.inner_text(f"{DONE} h2").startswith("The model")


def test_page_deletes_file_after_answer(open_page, site, portraits, jpeg, until):
    page = open_page()
    hand_in(page, jpeg(portraits[0][0]))
    wait_for_answer(page)
    until(lambda: site.kept() == 0)


def test_page_deletes_file_when_reader_leaves(open_page, site, held, portraits, write_video, tmp_path, until):
    page = open_page()
    open_page.expected += ["AbortError", "errored out"]  # of requests that were running when the page was left
    file = write_video(tmp_path / "video.mp4", [np.tile(portraits[2][0], (4, 4, 1))] * 16, crf=30)
    hand_in(page, file.read_bytes(), "video.mp4", "video/mp4")
    page.wait_for_selector(".answer.waiting")
    assert site.kept() > 0
    page.goto("about:blank")
    held.set()
    until(lambda: site.kept() == 0)


def test_page_video_stopped(open_page, held, portraits, write_video, tmp_path):
    page = open_page()
    file = write_video(tmp_path / "video.mp4", [np.tile(portraits[2][0], (4, 4, 1))] * 16, crf=30)
    hand_in(page, file.read_bytes(), "video.mp4", "video/mp4")
    page.click("[data-stop]")
    page.wait_for_selector(".answer", state="detached")
    held.set()
    page.wait_for_timeout(500)  # in which an error would be shown
    assert page.locator(".answer").count() == 0
    assert page.inner_text(".state") == "Stopped."
    page.click('[data-sample$="drawn.jpg"]')
    page.wait_for_selector(DONE)
