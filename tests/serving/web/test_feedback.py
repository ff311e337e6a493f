"""The question under an answer, in the browser: asked, answered, refused, kept with consent; by keyboard and by axe."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from aletheia.lifecycle.feedback.place import pictures_folder, store_path
from aletheia.lifecycle.feedback.store import FeedbackStore
from aletheia.serving.web.feedback_html import render_feedback

from ...browsing import violations
from .helpers import hand_in, wait_for_answer


def test_form_asks_for_consent_only_where_pictures_are_kept():
    assert 'name="consent"' in render_feedback(keeps_pictures=True)
    without = render_feedback(keeps_pictures=False)
    assert "consent" not in without
    assert "The picture itself is not kept." in without
    assert without.count("<option") == 5


@pytest.fixture(scope="module")
def asking(start_site, tmp_path_factory):
    """Start a service that takes feedback and keeps pictures; with its folder."""
    folder = tmp_path_factory.mktemp("asking")
    with start_site(prediction_log=str(folder / "log.sqlite"), keep_feedback_pictures=True) as running:
        running.folder = folder
        yield running


@pytest.mark.slow
def test_reader_answers(open_page, asking, portraits, axe):
    data = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "Margarete's camera"
    Image.fromarray(portraits[0][0]).save(data, "JPEG", quality=95, exif=exif)
    page, store = open_page(at=asking.url), FeedbackStore(store_path(asking.folder))
    assert not page.is_visible("[data-feedback]")
    hand_in(page, data.getvalue())
    wait_for_answer(page)
    page.wait_for_selector("[data-feedback] form")
    assert violations(page, axe) == []
    page.click("[data-feedback] button")
    assert page.inner_text("[data-feedback] .state") == "Say whether it is genuine or manipulated."
    page.keyboard.press("Space")  # the first choice has the focus
    page.click("[data-feedback] button")
    assert page.inner_text("[data-feedback] .state") == "Say how you know."
    page.select_option("#feedback-source", "own")
    page.fill("#feedback-note", "<b>mine</b>")
    page.click("[data-feedback] button")
    page.wait_for_selector("[data-feedback] .state:has-text('Thank you.')")
    assert not page.is_visible("[data-feedback] form")
    assert page.evaluate("document.activeElement.className") == "state"
    (said,) = store.statements()
    assert (said.label, said.source, said.note, said.picture) == (0, "own", "<b>mine</b>", "")
    assert said.answer == page.get_attribute(".answer", "data-id")

    hand_in(page, data.getvalue())  # the same file again is another answer: its form is empty
    page.wait_for_function(f"document.querySelector('.answer[data-id]')?.dataset.id !== '{said.answer}'")
    wait_for_answer(page)
    page.wait_for_selector("[data-feedback] form")
    assert page.input_value("#feedback-note") == ""
    page.check("[data-feedback] input[value=fake]")
    page.select_option("#feedback-source", "credentials")
    page.check("[data-feedback] input[name=consent]")
    page.click("[data-feedback] button")
    page.wait_for_selector("[data-feedback] .state:has-text('Thank you.')")
    kept = store.statements()[-1]
    assert (kept.label, kept.source) == (1, "credentials")
    content = (pictures_folder(asking.folder) / kept.picture).read_bytes()
    assert b"Margarete" in data.getvalue()
    assert b"Margarete" not in content
    assert violations(page, axe) == []


@pytest.mark.slow
def test_refusals_are_shown_and_nothing_is_asked_where_nothing_is_known(
    open_page, asking, portraits, jpeg, monkeypatch
):
    page = open_page(at=asking.url, width=320, dark=True)
    open_page.expected.append("status of 503")
    hand_in(page, b"no picture")
    page.wait_for_selector(".answer.problem")
    assert not page.is_visible("[data-feedback]")
    hand_in(page, jpeg(portraits[1][0]))
    wait_for_answer(page)
    page.check("[data-feedback] input[value=fake]")
    page.select_option("#feedback-source", "expert")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    with monkeypatch.context() as patched:
        patched.setattr("aletheia.lifecycle.feedback.store.FeedbackStore.add", _full)
        page.click("[data-feedback] button")
        page.wait_for_selector("[data-feedback] .state.problem:has-text('The disk is full')")
    page.click("[data-feedback] button")  # what was filled in is still there
    page.wait_for_selector("[data-feedback] .state:has-text('Thank you.')")


@pytest.mark.slow
def test_service_without_a_log_asks_nothing(open_page, portraits, jpeg):
    page = open_page()
    hand_in(page, jpeg(portraits[0][0]))
    wait_for_answer(page)
    assert page.query_selector("[data-feedback]") is None


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")
