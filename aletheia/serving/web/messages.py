"""What the page says: verdicts in words that claim no more than the model knows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from aletheia.inference.predictor import NO_FACE
from aletheia.models.spec import Calibration, ModelSpec
from aletheia.models.verdict import CANNOT_TELL, FAKE, REAL

#: How a verdict looks on the page: the class that colours it, and the word beside a face.
TONES = {REAL: "real", FAKE: "fake", CANNOT_TELL: "unsure", NO_FACE: "none"}
SHORT = {REAL: "genuine", FAKE: "manipulated", CANNOT_TELL: "cannot tell", NO_FACE: "no face"}
_SPACE = "\N{NO-BREAK SPACE}"
_CLOSE = 0.1  # to the threshold: a probability is no better known than that
_HALF = "as many of them manipulated as genuine"


@dataclasses.dataclass(frozen=True)
class VerdictMessage:
    """A verdict as it is read.

    Attributes
    ----------
    tone : str
        One of the values of `TONES`.
    headline : str
        One sentence.
    text : tuple of str
        Sentences that say what it means.
    close : bool
        The probability is near the threshold: no tick and no exclamation mark should stand beside it.
    """

    tone: str
    headline: str
    text: tuple[str, ...] = ()
    close: bool = False


def percent(share: float) -> str:
    """A probability as people say it: never certain, and no digits that nobody can vouch for."""
    if share < 0.01:
        return f"under 1{_SPACE}%"
    if share > 0.99:
        return f"over 99{_SPACE}%"
    return f"{100 * share:.0f}{_SPACE}%"


def headline(answer: Mapping[str, Any]) -> VerdictMessage:
    """The verdict on the whole picture or video.

    Parameters
    ----------
    answer : mapping
        Of `aletheia.serving.service.Service`.
    """
    parts = answer.get("people") or answer["faces"]
    what = "video" if answer["kind"] == "video" else "picture"
    if not parts:
        return VerdictMessage("none", f"No face was found in this {what}.", _NO_FACE)
    kind, kinds = ("person", "people") if what == "video" else ("face", "faces")
    verdict = answer["verdict"]
    tone = TONES[verdict]
    if len(parts) == 1:
        close = _is_close(parts[0]["probability"], answer["model"]["threshold"])
        return VerdictMessage(
            tone, _alone(verdict, "this person’s face" if what == "video" else "this face", close), close=close
        )
    count = sum(part["verdict"] == verdict for part in parts)
    if verdict == CANNOT_TELL:
        return VerdictMessage(tone, f"The model cannot tell for {count} of {len(parts)} {kinds}.")
    if count == len(parts):
        return VerdictMessage(
            tone, f"The model takes {'both' if count == 2 else f'all {count}'} {kinds} for {SHORT[verdict]}."
        )
    return VerdictMessage(
        tone,
        f"The model takes {count} of {len(parts)} {kinds} for {SHORT[verdict]}.",
        (f"Choose a {kind} to see which.",),
    )


_NO_FACE = (
    "This model looks at faces only: it can say nothing about the rest.",
    "A face may be missed when it is small, turned away, covered or dark. A closer cut of the picture can help.",
)


def _is_close(probability: float, threshold: float) -> bool:
    return abs(probability - threshold) < _CLOSE


def _alone(verdict: str, what: str, close: bool) -> str:
    if verdict == CANNOT_TELL:
        return f"The model cannot tell whether {what} is genuine."
    if close:
        return f"It is close: the model leans to taking {what} for {SHORT[verdict]}."
    return f"The model takes {what} for {SHORT[verdict]}."


def of_part(part: Mapping[str, Any], spec: ModelSpec, frames: int = 0) -> VerdictMessage:
    """What is said of one face, or of one person in a number of frames."""
    verdict, p = part["verdict"], part["probability"]
    what = "this person’s face" if frames else "this face"
    number = f"It puts the probability that {what} was manipulated at {percent(p)}"
    number += f", over {frames} frames with it." if frames > 1 else "."
    if verdict == CANNOT_TELL:
        return VerdictMessage("unsure", _alone(verdict, what, False), (_because(part["reason"]), _UNSURE))
    texts = [number, _consequence(verdict, p, spec.threshold), *_disagreement(part["faces"] if frames else (), verdict)]
    return VerdictMessage(TONES[verdict], _alone(verdict, what, _is_close(p, spec.threshold)), tuple(texts))


def _disagreement(faces: Sequence[Mapping[str, Any]], verdict: str) -> list[str]:
    """A word of warning when a fifth of the frames or more say otherwise when judged alone."""
    if verdict == CANNOT_TELL or not faces:
        return []
    other = REAL if verdict == FAKE else FAKE
    count = sum(face["verdict"] == other for face in faces)
    if count < 0.2 * len(faces):
        return []
    return [f"But its frames disagree: judged alone, {count} of {len(faces)} look {SHORT[other]}. See where, below."]


_UNSURE = (
    "That is an answer, too: a guess would be worth nothing here. A larger, sharper or less compressed version of the "
    "same picture may be told."
)


def _because(reason: str) -> str:
    reason = reason.strip().rstrip(".")
    return f"Why: {reason}." if reason else "It gives no reason."


def _consequence(verdict: str, probability: float, threshold: float) -> str:
    if _is_close(probability, threshold):
        return (
            f"Its threshold, from which on it says “manipulated”, is {percent(threshold)}: so near to it, a little "
            "more noise or light could have turned the answer."
        )
    if verdict == REAL:
        return (
            "That does not prove it genuine: a manipulation of a kind that the model never saw can look just like this."
        )
    if probability < 0.5:
        return (
            f"Less than one half, and “manipulated” all the same: the threshold of this model is {percent(threshold)}."
        )
    return "That does not prove a manipulation: an unusual but honest picture can look like this, too."


def meaning(probability: float, calibration: Calibration) -> tuple[str, ...]:
    """What a probability means, for somebody who has not met one."""
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


def threshold_words(spec: ModelSpec) -> str:
    """From when on the model says “manipulated”, and how that was chosen."""
    how = spec.threshold_how.strip().rstrip(".")
    return f"From {percent(spec.threshold)} on this model says “manipulated”" + (f" ({how})." if how else ".")


def learnt_from(spec: ModelSpec) -> str:
    """What the model was trained on, which is what it can know."""
    if not spec.trained_on.strip():
        return "Nobody wrote down what this model was trained on: trust it accordingly."
    return f"The model was trained on {spec.trained_on.strip().rstrip('.')}. What differs from these it may get wrong."


def moments(times: Sequence[float]) -> str:
    """Seconds into a video, in words: "0:02 to 0:14"."""
    first, last = clock(min(times)), clock(max(times))
    return first if first == last else f"{first} to {last}"


def clock(seconds: float) -> str:
    """Minutes and seconds: "1:05"."""
    whole = math.floor(seconds + 0.5)
    return f"{whole // 60}:{whole % 60:02d}"


def size(count: int) -> str:
    """Bytes as people say them: "50 MB"."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} bytes"
