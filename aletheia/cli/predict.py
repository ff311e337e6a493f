"""``aletheia predict``: ask a model about pictures and videos."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from aletheia.core.errors import InputError


def predict(
    files: Annotated[list[Path], typer.Argument(help="Pictures and videos to ask about.")],
    model: Annotated[
        list[str],
        typer.Option(
            help="A tag (production, candidate), a store://models/… URI, or a folder; several, each with its own "
            "--model, answer as one."
        ),
    ] = [],  # noqa: B006
    weight: Annotated[list[float], typer.Option(help="Of each of several models; default: all alike.")] = [],  # noqa: B006
    url: Annotated[
        str, typer.Option(help="Ask the service at this address instead; its key is taken from ALETHEIA_API_KEY.")
    ] = "",
    frames: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Frames of a video, evenly spread; default 16.")
    ] = None,
    aggregation: Annotated[
        str,
        typer.Option(
            help="How the frames of a person become one score: mean_logit, mean_probability or upper_quantile; "
            "default: as the model says."
        ),
    ] = "",
    precision: Annotated[
        str, typer.Option(help="f32, or what the model offers with its measured cost: bf16, int8 (see models inspect).")
    ] = "f32",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, on standard output.")] = False,
) -> None:
    """Say for each picture or video how probable it is that a face in it is fake.

    In a video each person has a score over all frames. "no face found" and "cannot tell", with the reason, are answers.
    Exit code 2 when a file could not be read; the others are answered all the same.
    """
    from aletheia.client import Detector
    from aletheia.inference.video import VideoPrediction

    if url and model:
        raise InputError("--url and --model were both given: the service at the address has its own model.")
    detector = Detector(url or model or "", weights=weight, precision=precision)
    note = detector.note
    if note.tag == "candidate" and not model:
        print("No model passed every check yet; the candidate answers.", file=sys.stderr)
    # A detector knows what it was shown; the reader of its verdict should know that too.
    print(f"{note.uri}, trained on {note.trained_on or 'rows that it does not name'}", file=sys.stderr)
    unread = 0
    for path in files:
        answer = detector.predict(path, frames=frames, aggregation=aggregation or None)
        unread += answer.verdict == "error"
        why = f": {answer.reason}" if answer.reason else ""
        if as_json:
            print(json.dumps({"file": str(path), "model": note.uri, **answer.to_dict()}))
        elif answer.verdict == "error":
            print(answer.reason, file=sys.stderr)
        elif answer.probability is None:
            print(f"{path}: {answer.verdict}")
        elif isinstance(answer, VideoPrediction):
            people = ", ".join(f"{person.probability:.1%} in {len(person.times)} frames" for person in answer.people)
            print(f"{path}: {answer.verdict} (probability of fake, by person: {people}){why}")
        else:
            faces = ", ".join(f"{face.probability:.1%}" for face in answer.faces)
            print(f"{path}: {answer.verdict} (probability of fake: {faces}){why}")
    if unread:
        raise typer.Exit(2)
