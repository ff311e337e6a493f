"""What a running service answers while production changes, and whether tag, alias and service name the same version."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx

from aletheia.lifecycle.experiments.assignment import CHALLENGER
from aletheia.lifecycle.staging.answering import ask_version
from benchmarks.lifecycle_demo.terminal import Done, StepError, Terminal

_AFTER = 5  # answers after the first one of the new version, none of which may be of the old one
_SECONDS = 60.0  # that the service may take to follow
_PAUSE = 0.05  # between two requests: the command needs a processor, too


@dataclasses.dataclass(frozen=True)
class Switch:
    """A change of production as callers of the service saw it.

    Attributes
    ----------
    version : str
        That answers since.
    since_tag, since_command : float
        Seconds from the move of the tag, and from the start of the command, until the first answer of the version had
        come. The command starts Python and, with MLflow, imports that.
    answers, lost : int
        Requests that were answered meanwhile, and those that were not.
    """

    version: str
    since_tag: float
    since_command: float
    answers: int
    lost: int


def switch(terminal: Terminal, url: str, pictures: Sequence[bytes], version: str, *words: str) -> Switch:
    """Run a command that changes production while pictures are sent to the service, one after the other.

    Raises
    ------
    StepError
        When the command fails, or the service does not answer with the version, a request is lost, or an answer of the
        version before comes after one of the new one.
    """
    done: list[Done | StepError] = []

    def command() -> None:
        try:
            done.append(terminal.run(*words))
        except StepError as error:
            done.append(error)

    thread = threading.Thread(target=command)
    began = time.time()
    thread.start()
    try:
        answers, asked, lost = _ask(url, pictures, version, done)
    finally:
        thread.join()
    if isinstance(done[0], StepError):
        raise done[0]
    first = next((moment for moment, release in answers if release == version), None)
    if first is None:
        raise StepError(f"The service did not answer with {version} within {_SECONDS:g} s.")
    if any(release != version for moment, release in answers if moment > first):
        raise StepError(f"Answers of another version came after the first one of {version}.")
    if lost:
        raise StepError(f"{lost} of {asked + lost} requests were lost while production changed.")
    moment = datetime.fromisoformat(terminal.json("models", "history")[-1]["moment"]).timestamp()
    return Switch(version, max(first - moment, 0.0), first - began, asked, lost)


def _ask(
    url: str, pictures: Sequence[bytes], version: str, done: list[Any]
) -> tuple[list[tuple[float, str]], int, int]:
    """Send the pictures round and round; returns moment and version of answers in production, all answers, failures."""
    answers: list[tuple[float, str]] = []
    asked, lost, after, deadline = 0, 0, 0, None
    following = itertools.cycle(pictures)
    with httpx.Client(base_url=url, timeout=60.0, trust_env=False) as client:
        while after < _AFTER and (after or deadline is None or time.monotonic() < deadline):
            try:
                picture = {"file": ("picture.jpg", next(following))}
                answer = client.post("/v1/predict", files=picture).raise_for_status().json()
                asked += 1
                if answer["model"]["role"] != CHALLENGER:  # in a trial it answers a share, whoever is in production
                    answers.append((time.time(), str(answer["model"]["release"])))
                    after += answers[-1][1] == version
            except httpx.HTTPError:
                lost += 1
            if done and deadline is None:  # the time counts from the end of the command, however slow the machine
                deadline = time.monotonic() + (0.0 if isinstance(done[0], StepError) else _SECONDS)
            time.sleep(_PAUSE)
    return answers, asked, lost


def production_names(terminal: Terminal, url: str, mlflow: str) -> dict[str, str]:
    """Ask who is in production: MLRun's tag, MLflow's alias, and the service."""
    from mlflow import MlflowClient

    from aletheia.release.registry import MODEL_KEY, PROJECT

    tagged = [model["version"] for model in terminal.json("models", "list") if model["state"] == "production"]
    alias = MlflowClient(mlflow, mlflow).get_model_version_by_alias(f"{PROJECT}.{MODEL_KEY}", "production")
    return {"tag": " and ".join(tagged), "alias": str(alias.tags["version"]), "service": ask_version(url)[0]}
