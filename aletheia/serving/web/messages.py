"""Sentences of the page: verdicts in words that claim no more than the model supports."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from aletheia.inference.predictor import NO_FACE
from aletheia.models.calibration_map import Calibration
from aletheia.models.spec import ModelSpec
from aletheia.models.verdict import CANNOT_TELL, FAKE, REAL
from aletheia.serving.web.reasons import explain_refusal

#: CSS class that colours a verdict, and the word beside a face.
TONES = {REAL: "real", FAKE: "fake", CANNOT_TELL: "unsure", NO_FACE: "none"}
LABELS = {REAL: "genuine", FAKE: "manipulated", CANNOT_TELL: "cannot tell", NO_FACE: "no face"}
_SPACE = "\N{NO-BREAK SPACE}"
_CLOSE = 0.1  # distance to the threshold; probabilities are no more accurate than that
_HALF = "as many of them manipulated as genuine"


@dataclasses.dataclass(frozen=True)
class VerdictMessage:
    """A verdict in words.

    Attributes
    ----------
    tone : str
        One of the values of `TONES`.
    headline : str
        One sentence.
    text : tuple of str
        Sentences on its meaning.
    is_close : bool
        Whether the probability is near the threshold: then neither a tick nor an exclamation mark is shown.
    """

    tone: str
    headline: str
    text: tuple[str, ...] = ()
    is_close: bool = False


def format_percent(share: float) -> str:
    """Format a probability: never as certain, and without digits that mean nothing."""
    if share < 0.01:
        return f"under 1{_SPACE}%"
    if share > 0.99:
        return f"over 99{_SPACE}%"
    return f"{100 * share:.0f}{_SPACE}%"


def answer_message(answer: Mapping[str, Any]) -> VerdictMessage:
    """Put the verdict on the whole picture or video into words.

    Parameters
    ----------
    answer : mapping
        An answer of `aletheia.serving.service.InferenceService`.
    """
    parts = answer.get("people") or answer["faces"]
    is_video = answer["kind"] == "video"
    if not parts:
        return VerdictMessage("none", f"No face was found in this {'video' if is_video else 'picture'}.", _NO_FACE)
    noun, nouns = ("person", "people") if is_video else ("face", "faces")
    verdict = answer["verdict"]
    tone = TONES[verdict]
    if len(parts) == 1:
        is_close = _is_close(parts[0]["probability"], answer["model"]["threshold"])
        subject = "this person’s face" if is_video else "this face"
        return VerdictMessage(tone, _headline(verdict, subject, is_close), is_close=is_close)
    count = sum(part["verdict"] == verdict for part in parts)
    if verdict == CANNOT_TELL:
        return VerdictMessage(tone, f"The model cannot tell for {count} of {len(parts)} {nouns}.")
    if count == len(parts):
        return VerdictMessage(
            tone, f"The model takes {'both' if count == 2 else f'all {count}'} {nouns} for {LABELS[verdict]}."
        )
    return VerdictMessage(
        tone,
        f"The model takes {count} of {len(parts)} {nouns} for {LABELS[verdict]}.",
        (f"Choose a {noun} to see which.",),
    )


_NO_FACE = (
    "This model looks at faces only: it can say nothing about the rest.",
    "A face may be missed when it is small, turned away, covered or dark. A closer cut of the picture can help.",
)


def _is_close(probability: float, threshold: float) -> bool:
    return abs(probability - threshold) < _CLOSE


def _headline(verdict: str, subject: str, is_close: bool) -> str:
    if verdict == CANNOT_TELL:
        return f"The model cannot tell whether {subject} is genuine."
    if is_close:
        return f"It is close: the model leans to taking {subject} for {LABELS[verdict]}."
    return f"The model takes {subject} for {LABELS[verdict]}."


def part_message(part: Mapping[str, Any], spec: ModelSpec, frames: int = 0) -> VerdictMessage:
    """Put the verdict on a face, or on a person in a number of frames, into words."""
    verdict, p = part["verdict"], part["probability"]
    subject = "this person’s face" if frames else "this face"
    number = f"It puts the probability that {subject} was manipulated at {format_percent(p)}"
    number += f", over {frames} frames with it." if frames > 1 else "."
    if verdict == CANNOT_TELL:
        return VerdictMessage("unsure", _headline(verdict, subject, False), explain_refusal(part))
    texts = [number, _consequence(verdict, p, spec.threshold), *_disagreement(part["faces"] if frames else (), verdict)]
    return VerdictMessage(TONES[verdict], _headline(verdict, subject, _is_close(p, spec.threshold)), tuple(texts))


def _disagreement(faces: Sequence[Mapping[str, Any]], verdict: str) -> list[str]:
    """Warn when a fifth of the frames or more have the other verdict when judged alone."""
    if verdict == CANNOT_TELL or not faces:
        return []
    other = REAL if verdict == FAKE else FAKE
    count = sum(face["verdict"] == other for face in faces)
    if count < 0.2 * len(faces):
        return []
    return [f"But its frames disagree: judged alone, {count} of {len(faces)} look {LABELS[other]}. See where, below."]


def _consequence(verdict: str, probability: float, threshold: float) -> str:
    limit = format_percent(threshold)
    if _is_close(probability, threshold):
        return (
            f"Its threshold, from which on it says “manipulated”, is {limit}: so near to it, a little "
            "more noise or light could have turned the answer."
        )
    if verdict == REAL:
        return (
            "That does not prove it genuine: a manipulation of a kind that the model never saw can look just like this."
        )
    if probability < 0.5:
        return f"Less than one half, and “manipulated” all the same: the threshold of this model is {limit}."
    return "That does not prove a manipulation: an unusual but honest picture can look like this, too."


def explain_probability(probability: float, calibration: Calibration) -> tuple[str, ...]:
    """Explain a probability as a frequency."""
    if calibration.method == "none":
        return (
            "The number of this model was never compared with how often it is right. Read it as “more” or “less” "
            "suspicious than other pictures, not as a chance.",
        )
    return (
        f"Think of 100 faces that get this number, from a collection like the one the model was tried out on, {_HALF}. "
        f"{_of_hundred(probability)} of them would be manipulated.",
        "Where manipulated pictures are rarer, fewer of them would be, and more of the alarms would be false.",
    )


def _of_hundred(probability: float) -> str:
    if probability < 0.01:
        return "Fewer than one"
    if probability > 0.99:
        return "Nearly all"
    return f"About {100 * probability:.0f}"


def explain_threshold(spec: ModelSpec) -> str:
    """Name the threshold, and how it was chosen."""
    method = spec.threshold_how.strip().rstrip(".")
    return f"From {format_percent(spec.threshold)} on this model says “manipulated”" + (
        f" ({method})." if method else "."
    )


def explain_training(spec: ModelSpec) -> str:
    """Name the training data, which limits what the model can recognise."""
    if not spec.trained_on.strip():
        return "It was not recorded what this model was trained on: trust it accordingly."
    return f"The model was trained on {spec.trained_on.strip().rstrip('.')}. What differs from these it may get wrong."


def format_span(times: Sequence[float]) -> str:
    """Format the first and last of some seconds into a video: "0:02 to 0:14"."""
    first, last = format_clock(min(times)), format_clock(max(times))
    return first if first == last else f"{first} to {last}"


def format_clock(seconds: float) -> str:
    """Format seconds as minutes and seconds: "1:05"."""
    whole = math.floor(seconds + 0.5)
    return f"{whole // 60}:{whole % 60:02d}"


def format_size(count: int) -> str:
    """Format a number of bytes: "50 MB"."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} bytes"
