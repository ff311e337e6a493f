"""The answer as HTML: the picture with its outlined faces, and the verdict on each in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from aletheia.core.device import NAMES
from aletheia.core.wording import counted
from aletheia.lifecycle.experiments.assignment import CHALLENGER
from aletheia.models.spec import ModelSpec
from aletheia.models.verdict import CANNOT_TELL, FAKE
from aletheia.serving.web import charts
from aletheia.serving.web.about_html import scrollable
from aletheia.serving.web.messages import (
    LABELS,
    TONES,
    answer_message,
    explain_probability,
    explain_threshold,
    explain_training,
    format_clock,
    format_percent,
    format_span,
    part_message,
)

_ICONS = {
    "real": '<path d="M6 12.5l4 4 8-9"/>',
    "fake": '<path d="M12 6v7M12 17.2v.1"/>',
    "unsure": '<path d="M9 9.2a3 3 0 1 1 4.2 2.8c-.8.4-1.2.9-1.2 1.8M12 17.2v.1"/>',
    "none": '<path d="M7 12h10"/>',
}


def icon(tone: str) -> str:
    """Render the symbol of a verdict, which repeats the words beside it."""
    return (
        f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="11"/>{_ICONS[tone]}</svg>'
    )


def render_progress(text: str, share: float | None = None) -> str:
    """Render the place of an answer that is still computed; the browser inserts the picture."""
    stop = '<p><button type="button" class="quiet-button" data-stop>Stop</button></p>'
    bar = f'<progress max="1"{"" if share is None else f" value={share:.3f}"} aria-label="{escape(text)}"></progress>'
    return (
        '<section class="answer waiting"><figure class="stage"><div class="canvas" data-preview></div></figure>'
        f'<div class="verdict"><p class="working" role="status">{escape(text)}</p>{bar}{stop}</div></section>'
    )


def render_error(sentence: str) -> str:
    """Render an error message."""
    return (
        f'<section class="answer problem" role="alert"><div class="verdict tone-none">{icon("none")}'
        f'<div><h2 tabindex="-1">That did not work.</h2><p>{escape(sentence)}</p></div></div></section>'
    )


def render_answer(answer: Mapping[str, Any], spec: ModelSpec, truth: str = "") -> str:
    """Render the answer for a picture or a video.

    Parameters
    ----------
    answer : mapping
        An answer of `aletheia.serving.service.InferenceService`.
    spec : ModelSpec
        Of the model that answered.
    truth : str
        Ground truth of the picture, known for those of the gallery.
    """
    message = answer_message(answer)
    is_video = answer["kind"] == "video"
    parts = answer.get("people") or answer["faces"]
    title = f'<h2 tabindex="-1">{escape(message.headline)}</h2>'
    symbol = icon("unsure" if message.is_close else message.tone)
    lead = f'<div class="lead tone-{message.tone}">{symbol}{title}</div>'
    sentences = "".join(f"<p>{escape(text)}</p>" for text in message.text)
    known = f'<p class="truth"><strong>What it really is:</strong> {escape(truth)}.</p>' if truth else ""
    order = _reading_order(parts, is_video)
    chips, panels = _chips(parts, is_video, order), _panels(parts, spec, is_video, order)
    remarks = "".join(f'<p class="basis">{escape(note)}</p>' for note in answer.get("notes", ()))
    basis = remarks + (f'<p class="basis">{escape(explain_training(spec))}</p>' if parts else "")
    # Of a picture whose truth is known here nobody needs to say it.
    name = "" if truth else answer.get("id", "")
    identity = f' data-id="{escape(name)}" data-kind="{escape(answer["kind"])}"' if name else ""
    return (
        f'<section class="answer" data-first="{_decisive_part(parts)}"{identity} aria-label="Answer">{_stage(answer)}'
        f'<div class="verdict">{lead}{sentences}{chips}{panels}</div>'
        f'<div class="notes">{known}{basis}{_small_print(answer)}</div>'
        f"</section>{_timeline_section(answer, spec) if is_video and parts else ''}"
    )


def _stage(answer: Mapping[str, Any]) -> str:
    """Render the place of the browser's own picture; boxes in fractions of it, so that they fit at every size."""
    width, height = answer["width"] or 1, answer["height"] or 1
    shape = f"--wide:{width};--high:{height}"
    if answer["kind"] == "video":
        tracks = [
            [
                {"t": time, **_relative_box(face["box"], width, height), "v": TONES[face["verdict"]]}
                for time, face in zip(person["times"], person["faces"], strict=True)
            ]
            for person in answer.get("people", ())
        ]
        overlay = f'<div class="moving" data-moving="{escape(json.dumps(tracks))}"></div>'
        grab = '<button type="button" class="quiet-button" data-grab>Look at this moment as a picture</button>'
    else:
        faces, grab = answer["faces"], ""
        order = _reading_order(faces, is_video=False)
        overlay = "".join(_outline(faces, number, rank, width, height) for rank, number in enumerate(order))
    return (
        f'<figure class="stage"><div class="canvas" data-preview style="{shape}">{overlay}</div>'
        f"<figcaption>{grab}</figcaption></figure>"
    )


def _relative_box(box: Sequence[float], width: int, height: int) -> dict[str, float]:
    left, top, right, bottom = (
        min(max(value / side, 0.0), 1.0) for value, side in zip(box, (width, height) * 2, strict=True)
    )
    return {"l": round(left, 4), "u": round(top, 4), "w": round(right - left, 4), "h": round(bottom - top, 4)}


def _reading_order(parts: Sequence[Mapping[str, Any]], is_video: bool) -> list[int]:
    """Return positions in the answer in the order of a reader: faces from the left, people as they appear."""
    return list(range(len(parts))) if is_video else sorted(range(len(parts)), key=lambda n: parts[n]["box"][0])


def _decisive_part(parts: Sequence[Mapping[str, Any]]) -> int:
    """Return the position of the face or person that determines the whole verdict."""
    weight = {FAKE: 2, CANNOT_TELL: 1}
    return max(
        range(len(parts)), key=lambda n: (weight.get(parts[n]["verdict"], 0), parts[n]["probability"]), default=0
    )


def _outline(faces: Sequence[Mapping[str, Any]], number: int, rank: int, width: int, height: int) -> str:
    verdict, box = faces[number]["verdict"], _relative_box(faces[number]["box"], width, height)
    style = ";".join(
        f"{side}:{100 * box[key]:.2f}%" for side, key in (("left", "l"), ("top", "u"), ("width", "w"), ("height", "h"))
    )
    name = f"Face {rank + 1} of {len(faces)}: {LABELS[verdict]}"
    return (
        f'<button type="button" class="face tone-{TONES[verdict]}" data-choose="{number}" '
        f'style="{style}" aria-label="{name}"><span aria-hidden="true">{rank + 1}</span></button>'
    )


def _chips(parts: Sequence[Mapping[str, Any]], is_video: bool, order: Sequence[int]) -> str:
    if len(parts) < 2:
        return ""
    noun = "Person" if is_video else "Face"
    chips = "".join(
        f'<button type="button" class="chip tone-{TONES[parts[number]["verdict"]]}" data-choose="{number}">'
        f"{noun} {rank + 1}<small>{LABELS[parts[number]['verdict']]}</small></button>"
        for rank, number in enumerate(order)
    )
    return f'<div class="chips" role="group" aria-label="Choose one">{chips}</div>'


def _panels(parts: Sequence[Mapping[str, Any]], spec: ModelSpec, is_video: bool, order: Sequence[int]) -> str:
    panels = []
    for rank, number in enumerate(order):
        part = parts[number]
        message = part_message(part, spec, frames=len(part["faces"]) if is_video else 0)
        name = f"{'Person' if is_video else 'Face'} {rank + 1}"
        head = "" if len(parts) == 1 else f"<h3>{name}</h3><p>{escape(message.headline)}</p>"
        if is_video:
            head += f'<p class="quiet">Seen from {escape(format_span(part["times"]))}.</p>'
        first, *rest = message.text
        bar = meaning = ""
        if part["verdict"] != CANNOT_TELL:
            bar = charts.probability_bar(part["probability"], spec.threshold, part["verdict"])
            meaning = _meaning(part["probability"], spec)
        panels.append(
            f'<div class="panel" data-panel="{number}">{head}<p class="number">{escape(first)}</p>'
            f"{bar}{''.join(f'<p>{escape(text)}</p>' for text in rest)}{meaning}</div>"
        )
    return "".join(panels)


def _meaning(probability: float, spec: ModelSpec) -> str:
    texts = [*explain_probability(probability, spec.calibration), explain_threshold(spec)]
    body = "".join(f"<p>{escape(text)}</p>" for text in texts)
    summary = f"What does {format_percent(probability)} mean?"
    return f'<details class="more"><summary>{summary}</summary>{body}</details>'


def _small_print(answer: Mapping[str, Any]) -> str:
    model = answer["model"]
    version = " ".join(filter(None, (model.get("release"), model["version"])))
    trial = ", the challenger of a trial" if model.get("role") == CHALLENGER else ""
    facts = [f"Model {model['name']}, version {version}{trial}", f"{answer['timing_ms']['total'] / 1000:.2f} s"]
    if device := model.get("device"):
        facts.append(f"computed on {NAMES[device]}")
    if answer["kind"] == "video" and answer.get("frames"):
        facts.insert(0, f"{counted(answer['frames'], 'frame')} looked at")
    return f'<p class="small-print">{escape(" · ".join(facts))}</p>'


def _timeline_section(answer: Mapping[str, Any], spec: ModelSpec) -> str:
    people = answer["people"]
    end = max(max(person["times"]) for person in people)
    rows = "".join(
        f"<tr><td>{number + 1}</td><td>{format_clock(time)}</td><td>{format_percent(face['probability'])}</td>"
        f"<td>{LABELS[face['verdict']]}</td></tr>"
        for number, person in enumerate(people)
        for time, face in zip(person["times"], person["faces"], strict=True)
    )
    table = f"<table><tr><th>person</th><th>time</th><th>probability</th><th>this frame alone</th></tr>{rows}</table>"
    return (
        '<section class="block" aria-label="Over the time"><h2>Over the time</h2>'
        "<p>Each point is one frame, judged alone. Single frames err more often than all together: look for a stretch, "
        "not for one point. Choose a point to go there.</p>"
        f"{charts.timeline_chart(people, end, spec.threshold)}"
        f'<details class="more"><summary>The numbers</summary>{scrollable(table, "The numbers")}</details></section>'
    )
