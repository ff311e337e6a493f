"""The answer as HTML: the picture with its outlined faces, and what is said of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from aletheia.models.spec import ModelSpec
from aletheia.models.verdict import CANNOT_TELL, FAKE
from aletheia.serving.web import charts
from aletheia.serving.web import messages as words

_ICONS = {
    "real": '<path d="M6 12.5l4 4 8-9"/>',
    "fake": '<path d="M12 6v7M12 17.2v.1"/>',
    "unsure": '<path d="M9 9.2a3 3 0 1 1 4.2 2.8c-.8.4-1.2.9-1.2 1.8M12 17.2v.1"/>',
    "none": '<path d="M7 12h10"/>',
}


def icon(tone: str) -> str:
    """A sign beside the words; they say the same without it."""
    return (
        f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="11"/>{_ICONS[tone]}</svg>'
    )


def waiting(text: str, share: float | None = None) -> str:
    """What stands there until there is an answer; the browser puts the picture in."""
    stop = '<p><button type="button" class="quiet-button" data-stop>Stop</button></p>'
    bar = f'<progress max="1"{"" if share is None else f" value={share:.3f}"} aria-label="{escape(text)}"></progress>'
    return (
        '<section class="answer waiting"><figure class="stage"><div class="canvas" data-preview></div></figure>'
        f'<div class="verdict"><p class="working" role="status">{escape(text)}</p>{bar}{stop}</div></section>'
    )


def problem(sentence: str) -> str:
    """An error as a sentence."""
    return (
        f'<section class="answer problem" role="alert"><div class="verdict tone-none">{icon("none")}'
        f'<div><h2 tabindex="-1">That did not work.</h2><p>{escape(sentence)}</p></div></div></section>'
    )


def answer(told: Mapping[str, Any], spec: ModelSpec, truth: str = "") -> str:
    """The answer for a picture or a video.

    Parameters
    ----------
    told : mapping
        Of `aletheia.serving.service.Service`.
    spec : ModelSpec
        Of the model that answered.
    truth : str
        What the picture really is, where it is known: for those of the gallery.
    """
    saying = words.headline(told)
    video = told["kind"] == "video"
    parts = told.get("people") or told["faces"]
    title = f'<h2 tabindex="-1">{escape(saying.headline)}</h2>'
    lead = f'<div class="lead tone-{saying.tone}">{icon("unsure" if saying.close else saying.tone)}{title}</div>'
    more = "".join(f"<p>{escape(text)}</p>" for text in saying.text)
    known = f'<p class="truth"><strong>What it really is:</strong> {escape(truth)}.</p>' if truth else ""
    order = _order(parts, video)
    chips, panels, small = _chips(parts, video, order), _panels(parts, spec, video, order), _small_print(told)
    basis = f'<p class="basis">{escape(words.learnt_from(spec))}</p>' if parts else ""
    return (
        f'<section class="answer" data-first="{_first(parts)}" aria-label="Answer">{_stage(told)}'
        f'<div class="verdict">{lead}{more}{chips}{panels}</div><div class="notes">{known}{basis}{small}</div>'
        f"</section>{_times(told, spec) if video and parts else ''}"
    )


def _stage(told: Mapping[str, Any]) -> str:
    """The place for the browser's own picture; boxes in shares of it, so that they fit at every size."""
    width, height = told["width"] or 1, told["height"] or 1
    shape = f"--wide:{width};--high:{height}"
    if told["kind"] == "video":
        moving = [
            [
                {"t": time, **_place(face["box"], width, height), "v": words.TONES[face["verdict"]]}
                for time, face in pairs
            ]
            for person in told.get("people", ())
            for pairs in [list(zip(person["times"], person["faces"], strict=True))]
        ]
        inside = f'<div class="moving" data-moving="{escape(json.dumps(moving))}"></div>'
    else:
        order = _order(told["faces"], video=False)
        inside = "".join(_outline(place, rank, told, width, height) for rank, place in enumerate(order))
    grab = '<button type="button" class="quiet-button" data-grab>Look at this moment as a picture</button>'
    return (
        f'<figure class="stage"><div class="canvas" data-preview style="{shape}">{inside}</div>'
        f"<figcaption>{grab if told['kind'] == 'video' else ''}</figcaption></figure>"
    )


def _place(box: Sequence[float], width: int, height: int) -> dict[str, float]:
    left, top, right, bottom = (
        min(max(value / side, 0.0), 1.0) for value, side in zip(box, (width, height) * 2, strict=True)
    )
    return {"l": round(left, 4), "u": round(top, 4), "w": round(right - left, 4), "h": round(bottom - top, 4)}


def _order(parts: Sequence[Mapping[str, Any]], video: bool) -> list[int]:
    """Positions in the answer as a reader counts: faces from the left, people as they come."""
    return list(range(len(parts))) if video else sorted(range(len(parts)), key=lambda n: parts[n]["box"][0])


def _first(parts: Sequence[Mapping[str, Any]]) -> int:
    """The one that the whole verdict comes from."""
    weight = {FAKE: 2, CANNOT_TELL: 1}
    return max(
        range(len(parts)), key=lambda n: (weight.get(parts[n]["verdict"], 0), parts[n]["probability"]), default=0
    )


def _outline(number: int, rank: int, told: Mapping[str, Any], width: int, height: int) -> str:
    face = told["faces"][number]
    place = _place(face["box"], width, height)
    style = ";".join(
        f"{side}:{100 * place[key]:.2f}%"
        for side, key in (("left", "l"), ("top", "u"), ("width", "w"), ("height", "h"))
    )
    name = f"Face {rank + 1} of {len(told['faces'])}: {words.SHORT[face['verdict']]}"
    return (
        f'<button type="button" class="face tone-{words.TONES[face["verdict"]]}" data-choose="{number}" '
        f'style="{style}" aria-label="{name}"><span aria-hidden="true">{rank + 1}</span></button>'
    )


def _chips(parts: Sequence[Mapping[str, Any]], video: bool, order: Sequence[int]) -> str:
    if len(parts) < 2:
        return ""
    word = "Person" if video else "Face"
    chips = "".join(
        f'<button type="button" class="chip tone-{words.TONES[parts[number]["verdict"]]}" data-choose="{number}">'
        f"{word} {rank + 1}<small>{words.SHORT[parts[number]['verdict']]}</small></button>"
        for rank, number in enumerate(order)
    )
    return f'<div class="chips" role="group" aria-label="Choose one">{chips}</div>'


def _panels(parts: Sequence[Mapping[str, Any]], spec: ModelSpec, video: bool, order: Sequence[int]) -> str:
    panels = []
    for rank, number in enumerate(order):
        part = parts[number]
        saying = words.of_part(part, spec, frames=len(part["faces"]) if video else 0)
        name = f"{'Person' if video else 'Face'} {rank + 1}"
        head = "" if len(parts) == 1 else f"<h3>{name}</h3><p>{escape(saying.headline)}</p>"
        if video:
            head += f'<p class="quiet">Seen from {escape(words.moments(part["times"]))}.</p>'
        first, *rest = saying.text
        bar = charts.scale(part["probability"], spec.threshold, part["verdict"])
        told = part["verdict"] == CANNOT_TELL
        panels.append(
            f'<div class="panel" data-panel="{number}">{head}<p class="number">{escape(first)}</p>'
            f"{'' if told else bar}{''.join(f'<p>{escape(text)}</p>' for text in rest)}"
            f"{'' if told else _meaning(part['probability'], spec)}</div>"
        )
    return "".join(panels)


def _meaning(probability: float, spec: ModelSpec) -> str:
    texts = [*words.meaning(probability, spec.calibration), words.threshold_words(spec)]
    body = "".join(f"<p>{escape(text)}</p>" for text in texts)
    return f'<details class="more"><summary>What does {words.percent(probability)} mean?</summary>{body}</details>'


def _small_print(told: Mapping[str, Any]) -> str:
    model = told["model"]
    facts = [f"Model {model['name']}, version {model['version']}", f"{told['timing_ms']['total'] / 1000:.2f} s"]
    if told["kind"] == "video" and told.get("frames"):
        facts.insert(0, f"{told['frames']} frames looked at")
    return f'<p class="small-print">{escape(" · ".join(facts))}</p>'


def _times(told: Mapping[str, Any], spec: ModelSpec) -> str:
    people = told["people"]
    end = max(max(person["times"]) for person in people)
    rows = "".join(
        f"<tr><td>{number + 1}</td><td>{words.clock(time)}</td><td>{words.percent(face['probability'])}</td>"
        f"<td>{words.SHORT[face['verdict']]}</td></tr>"
        for number, person in enumerate(people)
        for time, face in zip(person["times"], person["faces"], strict=True)
    )
    table = f"<table><tr><th>person</th><th>time</th><th>probability</th><th>this frame alone</th></tr>{rows}</table>"
    return (
        '<section class="block" aria-label="Over the time"><h2>Over the time</h2>'
        "<p>Each point is one frame, judged alone. Single frames err more often than all together: look for a stretch, "
        "not for one point. Choose a point to go there.</p>"
        f"{charts.timeline(people, end, spec.threshold)}"
        f'<details class="more"><summary>The numbers</summary><div class="scroll">{table}</div></details></section>'
    )
