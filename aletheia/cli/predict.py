"""``aletheia predict``: classification of images and videos by a model."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from aletheia.cli.device import Device, DeviceOption, set_device
from aletheia.cli.predict_output import ResultTable, list_files
from aletheia.core.device import CPU, answering_device
from aletheia.core.errors import InputError
from aletheia.core.wording import counted

if TYPE_CHECKING:
    from aletheia.client_types import ModelNote
    from aletheia.inference.predictor import Prediction
    from aletheia.inference.video import VideoPrediction


def predict(
    files: Annotated[list[Path], typer.Argument(help="Images, videos, and folders of them.")],
    model: Annotated[
        list[str],
        typer.Option(
            help="A tag (production, candidate), a store://models/… URI, or a folder, also in a bucket (s3://…); "
            "several, each with its own --model, form an ensemble."
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
    device: DeviceOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Probability from which on a face is called fake; default: the model's."),
    ] = None,
    calibration: Annotated[
        bool, typer.Option(help="Calibrated probabilities, or those of the bare network; verdicts stay.")
    ] = True,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Enter the folders of a folder.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write a table of the answers: .csv, .json or .jsonl. If it exists, the run goes on where it ended.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each file.")] = False,
) -> None:
    """Estimate for each image or video the probability that a face in it is fake.

    A folder stands for the pictures and videos in it.

    In a video each person has one score over all frames. "no face found" and "cannot tell", with a reason, are answers,
    too. Exit code 2 when a file could not be read; the others are answered nevertheless.
    """
    from aletheia.client import Detector

    _check_place(url, model, device)
    paths = list_files(files, recursive)
    detector = Detector(url or model or "", weights=weight, precision=precision)
    note = detector.note
    if note.tag == "candidate" and not model:
        print("No model has passed every check yet; the candidate is used.", file=sys.stderr)
    # A detector can only recognise what it was trained on; the reader of its verdict should know that.
    print(f"{note.uri}, trained on {note.trained_on or 'data that it does not name'}", file=sys.stderr)
    if note.kind_note:
        print(note.kind_note, file=sys.stderr)
    options: dict[str, Any] = {
        "frames": frames, "aggregation": aggregation or None, "threshold": threshold, "use_calibration": calibration
    }  # fmt: skip
    verdicts: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        table = None
        if output is not None:
            table = stack.enter_context(ResultTable(output, note, _settings(options, precision, note.device)))
            done = table.done
            remaining = [path for path in paths if str(path) not in done]
            if n_done := len(paths) - len(remaining):
                print(
                    f"{output} already has the answers for {n_done} of {counted(len(paths), 'file')}.", file=sys.stderr
                )
            paths = remaining
        # A bar would mix with lines on the same terminal; it is shown where answers go into a file.
        for path in tqdm(paths, "Classifying", unit="file", disable=None if table else True):
            prediction = detector.predict(path, **options)
            verdicts[prediction.verdict] += 1
            if table:
                table.add(path, prediction)
            _print(path, prediction, note, as_json, quiet=table is not None)
    if table or len(paths) > 1:
        print(_summary(verdicts), file=sys.stderr)
    if verdicts["error"]:
        raise typer.Exit(2)


def _check_place(url: str, model: list[str], device: Device | None) -> None:
    """Refuse what a service decides itself, and a device that is not there, before a model is looked for."""
    for name, value in (("model", model), ("device", device)):
        if url and value:
            raise InputError(f"--url and --{name} were both given: the service at the address has its own {name}.")
    set_device(device)
    if not url:
        answering_device()


def _settings(options: dict[str, Any], precision: str, device: str) -> str:
    """Return what changes answers, as text for the table; a GPU's last digits differ from the processor's."""
    elsewhere = {"device": device} if device not in ("", CPU) else {}  # tables of earlier versions are continued
    return json.dumps({**options, "precision": precision, **elsewhere})


def _print(
    path: Path, prediction: Prediction | VideoPrediction, note: ModelNote, as_json: bool, *, quiet: bool
) -> None:
    """Print an answer; beside a table only what went wrong."""
    if as_json:
        print(json.dumps({"file": str(path), "model": note.uri, "device": note.device, **prediction.to_dict()}))
    elif prediction.verdict == "error":
        tqdm.write(prediction.reason, file=sys.stderr)
    elif not quiet:
        print(f"{path}: {_describe(prediction)}")


def _summary(verdicts: Counter[str]) -> str:
    """Count the answers by verdict in one line."""
    names = {"error": "unreadable"}
    counts = ", ".join(f"{count} {names.get(verdict, verdict)}" for verdict, count in verdicts.most_common())
    return counted(verdicts.total(), "file") + (f": {counts}." if counts else ".")


def _describe(prediction: Prediction | VideoPrediction) -> str:
    """Format verdict, probabilities and reason as one line."""
    from aletheia.inference.video import VideoPrediction

    notes = "".join(f" [{note}]" for note in prediction.notes)
    if prediction.probability is None:
        return prediction.verdict + notes
    if isinstance(prediction, VideoPrediction):
        people = (f"{person.probability:.1%} in {counted(len(person.times), 'frame')}" for person in prediction.people)
        probabilities = f"probability of fake, by person: {', '.join(people)}"
    else:
        probabilities = f"probability of fake: {', '.join(f'{face.probability:.1%}' for face in prediction.faces)}"
    reason = f": {prediction.reason}" if prediction.reason else ""
    return f"{prediction.verdict} ({probabilities}){reason}{notes}"
