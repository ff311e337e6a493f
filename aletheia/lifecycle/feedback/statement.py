"""One statement about an answer: what a caller says the truth is, and how it is known."""

from __future__ import annotations

from typing import NamedTuple

#: Labels by their names.
LABELS = {"genuine": 0, "fake": 1}
#: How a label is known, and what that means.
SOURCES = {
    "own": "I took or made the picture myself, or was there",
    "credentials": "its provenance: content credentials, the original, a trusted archive",
    "expert": "an examination by an expert",
    "other": "another way",
}
#: Characters of the free texts, at most.
MAX_DETAIL, MAX_NOTE = 200, 500
#: States of a label.
WAITING, ACCEPTED, REJECTED = "waiting", "accepted", "rejected"


class Statement(NamedTuple):
    """A row; the names of the fields are those of the table's columns.

    Attributes
    ----------
    answer : str
        Id of the answer that it is about.
    caller : str
        Pseudonym that lasts for a day at most, see `aletheia.serving.callers`; two statements of one caller on one
        answer are one, the later. Empty where it is not known: such callers are taken for one.
    label : int
        0 genuine, 1 fake.
    source : str
        One of `SOURCES`.
    time : float
        Seconds since 1970, UTC.
    detail : str
        Free text on the source, `MAX_DETAIL` characters at most.
    note : str
        Free text, `MAX_NOTE` characters at most.
    version, release, verdict : str
        Of the answer, copied from the prediction log, whose oldest rows make room.
    probability : float or None
        Of the answer.
    answered : float
        Time of the answer.
    picture : str
        Name of the picture that was given with it, see `aletheia.lifecycle.feedback.pictures`; empty for none.
    phash : str
        Perceptual hash of that picture (`aletheia.imaging.reading.perceptual_hash`), 16 hexadecimal digits.
    changes : int
        How often the caller said something else before.
    """

    answer: str
    caller: str
    label: int
    source: str
    time: float
    detail: str = ""
    note: str = ""
    version: str = ""
    release: str = ""
    verdict: str = ""
    probability: float | None = None
    answered: float = 0.0
    picture: str = ""
    phash: str = ""
    changes: int = 0


class Evaluation(NamedTuple):
    """What a version's evaluation on the test set said, at its threshold; the fields are the table's columns.

    Attributes
    ----------
    version : str
        The beginning of its weights' SHA-256.
    false_alarms, misses : float
        Share of the genuine that were called fake, and of the fakes that were called genuine, 0 to 1.
    """

    version: str
    false_alarms: float
    misses: float


class Decision(NamedTuple):
    """What the operator decided about a label of an answer; the fields are the table's columns.

    Attributes
    ----------
    answer : str
        Id of the answer.
    state : str
        `ACCEPTED` or `REJECTED`.
    label : int
        0 genuine, 1 fake: that which was decided about; the other one still waits.
    source : str
        Of the statement with that label, the first one.
    time : float
        Of that statement, seconds since 1970.
    decided_by : str
        Who decided.
    decided : float
        When.
    reason : str
        Free text.
    """

    answer: str
    state: str
    label: int
    source: str
    time: float
    decided_by: str
    decided: float
    reason: str = ""
