"""``aletheia predict``: classification of images and videos by a model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aletheia.core.errors import InputError

if TYPE_CHECKING:
    from aletheia.inference.predictor import Prediction
    from aletheia.inference.video import VideoPrediction


def predict(
    files: Annotated[list[Path], typer.Argument(help="Images and videos.")],
    model: Annotated[
        list[str],
        typer.Option(
            help="A tag (production, candidate), a store://models/… URI, or a folder; several, each with its own "
            "--model, form an ensemble."
        ),
    ] = [],  # noqa: B006
    weight: Annotated[list[float], typer.Option(help="Weight of each model of an ensemble; default: equal.")] = [],  # noqa: B006
    url: Annotated[
        str, typer.Option(help="Use the service at this address; its key is taken from ALETHEIA_API_KEY.")
    ] = "",
    frames: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Number of frames of a video, evenly spread; default 16.")
    ] = None,
    aggregation: Annotated[
        str,
        typer.Option(
            help="How the scores of a person's frames are combined: mean_logit, mean_probability or upper_quantile; "
            "default: as the model says."
        ),
    ] = "",
    precision: Annotated[
        str,
        typer.Option(help="f32, or one that the model offers with its measured cost: bf16, int8 (see models inspect)."),
    ] = "f32",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each file.")] = False,
) -> None:
    """Estimate for each image or video the probability that a face in it is fake.

    In a video each person has one score over all frames. "no face found" and "cannot tell", with a reason, are answers,
    too. Exit code 2 when a file could not be read; the others are answered nevertheless.
    """
    from aletheia.client import Detector

    if url and model:
        raise InputError("--url and --model were both given: the service at the address has its own model.")
    detector = Detector(url or model or "", weights=weight, precision=precision)
    note = detector.note
    if note.tag == "candidate" and not model:
        print("No model has passed every check yet; the candidate is used.", file=sys.stderr)
    # A detector can only recognise what it was trained on; the reader of its verdict should know that.
    print(f"{note.uri}, trained on {note.trained_on or 'data that it does not name'}", file=sys.stderr)
    n_unreadable = 0
    for path in files:
        prediction = detector.predict(path, frames=frames, aggregation=aggregation or None)
        n_unreadable += prediction.verdict == "error"
        if as_json:
            print(json.dumps({"file": str(path), "model": note.uri, **prediction.to_dict()}))
        elif prediction.verdict == "error":
            print(prediction.reason, file=sys.stderr)
        else:
            print(f"{path}: {_describe(prediction)}")
    if n_unreadable:
        raise typer.Exit(2)


def _describe(prediction: Prediction | VideoPrediction) -> str:
    """Format verdict, probabilities and reason as one line."""
    from aletheia.inference.video import VideoPrediction

    if prediction.probability is None:
        return prediction.verdict
    if isinstance(prediction, VideoPrediction):
        people = (f"{person.probability:.1%} in {len(person.times)} frames" for person in prediction.people)
        probabilities = f"probability of fake, by person: {', '.join(people)}"
    else:
        probabilities = f"probability of fake: {', '.join(f'{face.probability:.1%}' for face in prediction.faces)}"
    reason = f": {prediction.reason}" if prediction.reason else ""
    return f"{prediction.verdict} ({probabilities}){reason}"
