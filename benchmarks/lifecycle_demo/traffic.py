"""Pictures that are drawn and sent to a service, one answer each, with the truth that only the sender knows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from aletheia.client import Detector
from aletheia.datasets.synthetic.people import draw_people
from aletheia.inference.predictor import Prediction
from aletheia.inference.video import VideoPrediction
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.models.verdict import FAKE, REAL
from benchmarks.drawn_pictures import PATCHWISE, draw_picture
from benchmarks.lifecycle_demo.terminal import StepError

#: The generator that no model of the demo has seen before it is retrained.
NEW = PATCHWISE
KNOWN = ("self-blended", "face-swap", "upsampled")
LABELS = {False: "genuine", True: "fake"}
_SHOTS = 2  # pictures of a person, on average
_LOGGED = 60.0  # seconds that the log's thread may take


class Sent(NamedTuple):
    """A picture that was sent: its bytes, by what it was forged ("" if genuine), and the answer."""

    data: bytes
    forgery: str
    answer: Prediction | VideoPrediction

    @property
    def label(self) -> str:
        """The truth, as feedback names it."""
        return LABELS[bool(self.forgery)]

    @property
    def right(self) -> bool:
        """Whether the verdict is right; "cannot tell" is not."""
        return self.answer.verdict == (FAKE if self.forgery else REAL)


def draw_traffic(counts: Mapping[str, int], seed: int) -> list[tuple[bytes, str]]:
    """Draw pictures of people of their own, in no order.

    Parameters
    ----------
    counts : mapping of str to int
        Pictures by forgery; "" is genuine.
    seed : int
        Another one gives other people.

    Returns
    -------
    list of (bytes, str)
        JPEG and forgery.
    """
    cv2.setNumThreads(1)
    rng = np.random.default_rng((seed, 83))
    forgeries = rng.permutation([name for name, count in counts.items() for _ in range(count)])
    people = draw_people(max(len(forgeries) // _SHOTS, 2), "cam-a", seed)
    drawn = []
    for number, forgery in enumerate(map(str, forgeries)):
        person, donor = people[number % len(people)], people[(number + 1) % len(people)]
        own = np.random.default_rng((seed, 84, number))
        drawn.append((draw_picture(person, donor, "cam-a", forgery, own), forgery))
    return drawn


def send(url: str, drawn: Sequence[tuple[bytes, str]]) -> list[Sent]:
    """Let a service answer pictures; StepError when one has no answer."""
    with Detector(url) as detector:
        answers = detector.predict([data for data, _ in drawn])
    sent = [Sent(data, forgery, answer) for (data, forgery), answer in zip(drawn, answers, strict=True)]
    if lost := [one.answer.reason for one in sent if one.answer.verdict == "error" or not one.answer.id]:
        raise StepError(f"{len(lost)} of {len(sent)} pictures were not answered: {lost[0]}")
    return sent


def label(url: str, sent: Sequence[Sent], *, keep: bool) -> None:
    """Tell the service the truth about its answers, by ``POST /v1/feedback``; with the pictures if they may be kept."""
    with Detector(url) as detector:
        for one in sent:
            picture = one.data if keep else None
            detector.feedback(one.answer.id, one.label, "own", picture=picture, consent=keep)


def wait_for_rows(log: Path, count: int) -> None:
    """Wait until a prediction log holds so many answers: it is written twice a second."""
    deadline = time.monotonic() + _LOGGED
    while not log.exists() or len(read_log(log)) < count:
        if time.monotonic() > deadline:
            raise StepError(f"{log} does not hold the {count} answers that were given.")
        time.sleep(0.1)


def scored_by_both(log: Path, count: int, seconds: float) -> int:
    """Wait until the shadow has scored so many answers, or the time is over; returns how many it has."""
    deadline = time.monotonic() + seconds
    while True:
        rows = read_log(log)
        scored = int((rows["other_version"].fillna("") != "").sum())
        if scored >= count or time.monotonic() > deadline:
            return scored
        time.sleep(0.2)


def share(sent: Sequence[Sent], forgery: str) -> str:
    """Say how many pictures of a kind got the right verdict, as 3/40."""
    kind = [one for one in sent if one.forgery == forgery]
    return f"{sum(one.right for one in kind)}/{len(kind)}"
