"""Why a model cannot tell, and what could help, in the words of somebody who knows nothing of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aletheia.models.verdict import (
    BOTH,
    BRIEF,
    KIND,
    NEITHER,
    OTHER,
    RANGE,
    SMALL,
    TURNS,
    UNCUT,
    read_ranges,
)

_ANSWER = "That is an answer, too: a guess would be worth nothing here."
_UNLIKE = "than those that the model learnt from"

#: A statistic and whether it is too high → what the picture is like, and what could help.
_OUTSIDE = {
    ("luma", False): ("it is darker", "a brighter version of it"),
    ("luma", True): ("it is brighter", "a less bright version of it"),
    ("contrast", False): ("it is paler, with less contrast,", "a version with more contrast"),
    ("contrast", True): ("it has harder contrasts", "a version with softer contrasts"),
    ("sharpness", False): ("it is more blurred", "a sharper version, such as the original in place of a copy"),
    ("sharpness", True): ("it is sharper in its finest detail", "a smaller version, or one that was not sharpened,"),
    ("face_size", False): ("it is smaller", "a larger version"),
}
_REMEDIES = {
    SMALL: "A larger version of the same picture, such as the original in place of a copy, may get a verdict.",
    TURNS: "A version that was saved and sent on less often may get a verdict.",
    BRIEF: "A longer part of the video with this person in it may get a verdict.",
}
_ANOTHER = "Another picture of the same scene may be clearer; a larger or sharper version of this one is not."
#: A better version of the same picture is of the same kind.
_NO_REMEDY = (
    "A larger or sharper version would not change it: the model would have to be trained on pictures such as this one."
)
_WHY = {
    TURNS: "its answer turns when the picture is merely saved again",
    BOTH: "faces with this number are genuine too often to be called manipulated, and manipulated too often to be "
    "called genuine",
    NEITHER: "hardly any genuine and hardly any manipulated face that it knows gets this number",
    OTHER: "its number and what it knows of faces with this number contradict each other",
}


def explain_refusal(part: Mapping[str, Any]) -> tuple[str, str]:
    """Say why there is no verdict on a face or person, and what could help.

    Parameters
    ----------
    part : mapping
        With ``reason``, and ``cause``: one of `aletheia.models.verdict.CAUSES`, `UNCUT` or `BRIEF`.
    """
    cause, reason = part.get("cause", ""), part["reason"].strip().rstrip(".")
    outside = [_OUTSIDE[key] for key in dict.fromkeys(read_ranges(reason)) if key in _OUTSIDE] if cause == RANGE else []
    if outside:
        why = " and ".join(text for text, _ in outside)
        helps = ", or ".join(text for _, text in outside)
        return f"Why: {why} {_UNLIKE}.", f"{_ANSWER} {helps[0].upper()}{helps[1:].rstrip(',')} may get a verdict."
    why = _WHY.get(cause, reason)
    return f"Why: {why}." if why else "It gives no reason.", f"{_ANSWER} {_remedy(cause)}"


def _remedy(cause: str) -> str:
    if cause in (KIND, UNCUT):
        return _NO_REMEDY
    return _REMEDIES.get(cause, _ANOTHER)
