"""Layout of the page, as Gradio's blocks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import gradio as gr

from aletheia.serving.web.about_html import render_about
from aletheia.serving.web.feedback_html import render_feedback
from aletheia.serving.web.gallery import Gallery
from aletheia.serving.web.handlers import Examiner
from aletheia.serving.web.intake import render_intake
from aletheia.serving.web.results_html import render_error
from aletheia.serving.web.uploads import UploadStore

if TYPE_CHECKING:
    from aletheia.serving.service import InferenceService

_FULL = "Too many files wait here already, or the connection broke. Try again in a little while."
_HEADER = """
<header class="top"><p class="name">Aletheia</p><h1>Is this face genuine?</h1>
<p>Hand in a picture or a short video. A model looks at every face in it and says whether it takes it for genuine or for
manipulated, how sure it is, and when it cannot tell.</p></header>"""
_FOOTER = """
<footer class="bottom"><p>A verdict is one piece of evidence. It proves nothing by itself.</p>
<p>For programs: <a href="docs">how to ask by HTTP</a>.</p></footer>"""


def build_page(service: InferenceService, uploads: UploadStore, gallery: Gallery) -> gr.Blocks:
    """Build the page for people.

    Parameters
    ----------
    service : InferenceService
        Answers.
    uploads : UploadStore
        Holds the files that were handed in.
    gallery : Gallery
        Pictures to try.
    """
    examiner = Examiner(service, uploads, gallery)
    page: gr.Blocks
    with gr.Blocks(title="Aletheia: is this face genuine?", analytics_enabled=False, fill_width=True) as page:
        _html(_HEADER)
        zone = _html(
            "", template=render_intake(service.limits()), script="aletheia.zone(element, props);", name="intake"
        )
        answer = _html("", script="aletheia.shown(element, watch);", name="answer")
        if service.log:
            _html(render_feedback(keeps_pictures=service.config.keep_feedback_pictures), name="feedback")
        explanation = _html("", script="aletheia.shown(element, watch);", name="closer")
        origin = _html("", name="origin")
        with gr.Accordion("About this model and its limits", open=False, elem_id="about"):
            _html(render_about(service.limits()["sentences"], service.card()))
        stop = gr.Button("Stop", elem_id="stop", elem_classes="unseen")
        _html(_FOOTER)
        outputs = [answer, explanation, origin]
        event = zone.change(
            examiner.examine,
            zone,
            outputs,
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=service.config.workers,
            trigger_mode="always_last",  # a file may come while the one before is still being explained
        )
        # Both run in the browser alone: when the queue is full, nothing else would be answered either.
        failed = f"() => aletheia.failed({json.dumps(render_error(_FULL))})"
        event.failure(None, None, outputs, js=failed, api_visibility="private")
        stop.click(None, None, outputs, cancels=event, js='() => ["", "", ""]', api_visibility="private")
    capacity = service.config.queue + service.config.workers
    page.state_session_capacity = capacity
    # Gradio trusts every path in a request to a page that it mounts into another application, unless this is set.
    page.has_launched = True
    page.queue(api_open=False, max_size=capacity)
    page._queue.sleep_when_free, page._queue.progress_update_sleep_when_free = 0.02, 0.25
    return page


def _html(value: str, *, template: str = "${value}", script: str | None = None, name: str | None = None) -> gr.HTML:
    return gr.HTML(
        value,
        html_template=template,
        js_on_load=script,
        apply_default_css=False,
        elem_id=name,
    )
