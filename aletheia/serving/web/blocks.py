"""The page itself, as Gradio's blocks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import gradio as gr

from aletheia.serving.web.gallery import Gallery
from aletheia.serving.web.handlers import Examiner
from aletheia.serving.web.intake import intake
from aletheia.serving.web.results_html import problem
from aletheia.serving.web.uploads import Uploads

if TYPE_CHECKING:
    from aletheia.serving.service import Service

_FULL = "Too many files wait here already, or the connection broke. Try again in a little while."
_HEADER = """
<header class="top"><p class="name">Aletheia</p><h1>Is this face genuine?</h1>
<p>Hand in a picture or a short video. A model looks at every face in it and says whether it takes it for genuine or for
manipulated, how sure it is, and when it cannot tell.</p></header>"""
_FOOTER = """
<footer class="bottom"><p>A verdict is one piece of evidence. It proves nothing by itself.</p>
<p>For programs: <a href="docs">how to ask by HTTP</a>.</p></footer>"""


def build_page(service: Service, uploads: Uploads, gallery: Gallery) -> gr.Blocks:
    """The page for people.

    Parameters
    ----------
    service : Service
        Who answers.
    uploads : Uploads
        Where files come in.
    gallery : Gallery
        The pictures to try.
    """
    examiner = Examiner(service, uploads, gallery)
    with gr.Blocks(title="Aletheia: is this face genuine?", analytics_enabled=False, fill_width=True) as page:
        _html(_HEADER)
        zone = _html("", template=intake(service.limits()), script="aletheia.zone(element, props);", name="intake")
        answer = _html("", script="aletheia.shown(element, watch);", name="answer")
        closer = _html("", script="aletheia.shown(element, watch);", name="closer")
        origin = _html("", name="origin")
        with gr.Accordion("About this model and its limits", open=False, elem_id="about"):
            gr.Markdown(_about(service))
        stop = gr.Button("Stop", elem_id="stop", elem_classes="unseen")
        _html(_FOOTER)
        shown = [answer, closer, origin]
        event = zone.change(
            examiner.examine,
            zone,
            shown,
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=service.config.workers,
            trigger_mode="once",
        )
        # Both in the browser alone: where the queue is full, nothing else would be answered either.
        event.failure(None, None, shown, js=_shows(problem(_FULL)), api_visibility="private")
        stop.click(None, None, shown, cancels=event, js=_shows(""), api_visibility="private")
    most = service.config.queue + service.config.workers
    page.state_session_capacity = most
    # Where Gradio mounts a page into another application, it trusts every path that it is told.
    page.has_launched = True
    page.queue(api_open=False, max_size=most)
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


def _shows(html: str) -> str:
    """A function of the browser's that shows this in place of an answer."""
    return f"() => {json.dumps([html, '', ''])}"


def _about(service: Service) -> str:
    limits = "\n".join(f"- {sentence}" for sentence in service.limits()["sentences"])
    return f"{limits}\n\n{service.card()}"
