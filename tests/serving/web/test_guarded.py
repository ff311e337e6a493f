"""The page of a service with a key, with trusted signers, and under overload."""

from __future__ import annotations

import httpx
import pytest

from ...waiting import PATIENCE
from ..signing import CREATED, Signatory
from .helpers import DONE, hand_in, wait_for_answer

pytestmark = pytest.mark.slow

KEY = "sesame, open"


@pytest.fixture(scope="module")
def signatory() -> Signatory:
    return Signatory()


@pytest.fixture(scope="module")
def guarded(start_site, signatory):
    """Start a service with a key, one worker and no queue."""
    with start_site(api_key=KEY, trust_anchors=signatory.anchors, workers=1, queue=0) as running:
        yield running


@pytest.fixture
def enter(open_page, guarded):
    """Open the page with the key as password."""
    return open_page(at=guarded.url, http_credentials={"username": "", "password": KEY})


def test_page_with_key(enter, portraits, jpeg):
    hand_in(enter, jpeg(portraits[0][0]))
    assert wait_for_answer(enter).startswith("The model takes this face for")
    assert enter.locator("#closer .crops figure").count() == 3
    enter.click('[data-sample$="drawn.jpg"]')
    enter.wait_for_selector(f"{DONE}:has-text('What it really is')")
    assert wait_for_answer(enter).startswith("The model")


def test_page_without_key(browser, guarded):
    context = browser.new_context(http_credentials={"username": "", "password": "sesame"})
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    answer = page.goto(guarded.url)
    assert answer.status == 401 and "key" in page.inner_text("body")
    assert page.locator("#intake").count() == 0
    context.close()


@pytest.mark.parametrize("is_trusted", [True, False])
def test_page_content_credentials(enter, signatory, portraits, jpeg, is_trusted):
    """The page names the signer and the actions, and whether the signer is trusted."""
    hand_in(enter, (signatory if is_trusted else Signatory()).sign(jpeg(portraits[0][0]), "image/jpeg", CREATED))
    wait_for_answer(enter)
    text = enter.inner_text("#origin")
    assert "Example Cameras" in text and "made by generative AI" in text
    assert ("by a signer that is trusted here" in text) is is_trusted
    assert ("anybody can sign" in text) is not is_trusted
    assert "Not part of the score" in text


def test_page_service_busy(enter, guarded, portraits, jpeg):
    """The only turn is held; nothing is mocked."""
    with guarded.service.admission.turn():
        hand_in(enter, jpeg(portraits[0][0]))
        enter.wait_for_selector(".answer.problem")
        assert "try again" in enter.inner_text(".answer.problem")
    hand_in(enter, jpeg(portraits[1][0]))
    enter.wait_for_selector(f"{DONE}:not(.problem)")


def test_page_queue_full(enter, open_page):
    open_page.expected += ["429"]
    full = {"error": {"kind": "busy", "message": "Too many files wait here already."}}
    enter.route("**/gradio_api/queue/join*", lambda route: route.fulfill(status=429, json=full))
    enter.click('[data-sample$="drawn.jpg"]')
    enter.wait_for_selector(".answer.problem")
    assert "Too many files wait here" in enter.inner_text(".answer")
    enter.unroute("**/gradio_api/queue/join*")
    enter.click('[data-sample$="drawn.jpg"]')
    enter.wait_for_selector(f"{DONE}:not(.problem)")


def test_page_upload_store_full(enter, open_page, guarded, monkeypatch):
    """The store is filled; nothing is mocked. However slow the browser, no file makes way for another."""
    monkeypatch.setattr(guarded.uploads, "claim_timeout", 3600.0)
    open_page.expected += ["429"]
    sent = {"headers": {"X-API-Key": KEY}, "files": {"file": ("x", b"x")}, "timeout": PATIENCE}
    while httpx.post(f"{guarded.url}/gradio_api/upload", **sent).status_code == 200:
        pass
    enter.click('[data-sample$="drawn.jpg"]')
    enter.wait_for_selector(".state.problem")
    assert enter.inner_text(".state") == "Too many files wait here already; try again in 5 seconds."
    assert enter.is_enabled("#file")
