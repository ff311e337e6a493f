"""The command line: ``aletheia …``. Exit codes: 0 done, 1 something failed, 2 the input cannot be used."""

from __future__ import annotations

import errno
import json
import os
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from aletheia.data.cli import app as data_app
from aletheia.errors import DISK_FULL, InputError
from aletheia.models.cli import app as models_app
from aletheia.project.cli import app as functions_app
from aletheia.serving.cli import serve
from aletheia.tracking.cli import app as tracking_app

app = typer.Typer(
    help="Experiments in deepfake face detection whose numbers can be believed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")
app.add_typer(functions_app, name="functions")
app.add_typer(models_app, name="models")
app.add_typer(tracking_app, name="tracking")
app.command()(serve)


@app.command()
def run(
    source: Annotated[
        str, typer.Option(help='"synthetic", a folder with real/ and fake/, or a manifest (CSV, parquet).')
    ] = "synthetic",
    manifest: Annotated[str, typer.Option(help="CSV with sources, generators, demographics of the files.")] = "",
    ffhq: Annotated[str, typer.Option(help="Folder of genuine faces to balance the training set with.")] = "",
    remedy: Annotated[
        list[str],
        typer.Option(
            help="What to do about shortcuts, in this order; may come several times: drop=COLUMN=VALUE, match=FAMILY "
            "(source, delivery, light, framing, keypoints, …), reencode=60-95, resolution=PIXELS. See `aletheia audit`."
        ),
    ] = [],  # noqa: B006
    balance: Annotated[str, typer.Option(help="none, count, matched or per-source.")] = "matched",
    images: Annotated[int, typer.Option(min=50, help='Pictures that "synthetic" makes.')] = 1500,
    image_size: Annotated[int, typer.Option(min=32, max=1024, help="Side of the face crops, pixels.")] = 96,
    face_policy: Annotated[str, typer.Option(help="How faces are cut out: scale, tight or aligned.")] = "scale",
    face_margin: Annotated[float, typer.Option(help="Added around a face, as a share of its side, 0 to 2.")] = 0.2,
    frames: Annotated[int, typer.Option(help="Frames of each video, evenly spread.")] = 16,
    architecture: Annotated[str, typer.Option(help="A name of the registry of networks.")] = "attention_cnn",
    learning_rates: Annotated[
        str, typer.Option(help="Learning rates of the grid, comma-separated; default: six from 1e-4 to 1e-2.")
    ] = "",
    batch_sizes: Annotated[str, typer.Option(help="Batch sizes of the grid; default: 8,16,32.")] = "",
    search_epochs: Annotated[int, typer.Option(min=1, help="Epochs of every cell of the grid.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the training, at most.")] = 20,
    fault: Annotated[
        str,
        typer.Option(
            help="Break the training on purpose, to see the checks refuse the model: label_noise, input_noise, "
            "shuffled_labels, wrong_loss or skipped_gradients."
        ),
    ] = "none",
    held_out: Annotated[
        list[str],
        typer.Option(
            help="Train once more without it, and test on it: generator=NAME, source=NAME, or nothing; may come "
            "several times."
        ),
    ] = [],  # noqa: B006
    recipe: Annotated[
        list[str],
        typer.Option(
            help="Anything else of the training recipe, as key=value; may come several times: weights=imagenet, "
            "augmentation=strong, optimizer=sgd, precision=bf16-mixed, devices=2, …"
        ),
    ] = [],  # noqa: B006
    seed: Annotated[int, typer.Option(help="Makes the run repeatable.")] = 0,
) -> None:
    """Run the whole workflow: faces, data, search, training, evaluation, registration.

    Ends with a table and artifacts/summary.json. Paths are relative to where you stand.
    """
    from aletheia.project.runner import check_arguments, run_workflow

    arguments = {
        "source": source if source == "synthetic" else _absolute(source),
        "manifest": _absolute(manifest),
        "ffhq": _absolute(ffhq),
        "remedies": remedy,
        "balance": balance,
        "images": images,
        "image_size": image_size,
        "face_policy": face_policy,
        "face_margin": face_margin,
        "frames": frames,
        "architecture": architecture,
        "search_epochs": search_epochs,
        "epochs": epochs,
        "fault": fault,
        "held_out": held_out,
        "recipe": _pairs(recipe),
        "seed": seed,
    }
    if learning_rates:
        arguments["learning_rates"] = _numbers(learning_rates, float, "--learning-rates")
    if batch_sizes:
        arguments["batch_sizes"] = _numbers(batch_sizes, int, "--batch-sizes")
    check_arguments(arguments)
    if run_workflow(arguments)["state"] != "completed":
        raise typer.Exit(1)


@app.command()
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
    from aletheia.serving.video import VideoPrediction

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


@app.command()
def audit(
    source: Annotated[str, typer.Argument(help='"synthetic", a folder with real/ and fake/, or a manifest.')],
    manifest: Annotated[str, typer.Option(help="CSV with sources, generators, identities of the files.")] = "",
    report: Annotated[Path, typer.Option(help="Where to write the page.")] = Path("audit.html"),
    images: Annotated[int, typer.Option(min=50, help='Pictures that "synthetic" makes.')] = 1500,
    remedy: Annotated[
        list[str], typer.Option(help="Try a remedy, as in `aletheia run`, and audit the crops once more.")
    ] = [],  # noqa: B006
    image_size: Annotated[int, typer.Option(min=32, max=1024, help="Side of the face crops, pixels.")] = 96,
    face_policy: Annotated[str, typer.Option(help="How faces are cut out: scale, tight or aligned.")] = "scale",
    face_margin: Annotated[float, typer.Option(help="Added around a face, as a share of its side, 0 to 2.")] = 0.2,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 unless the audit was made and nothing gives the label away.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of folds and bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Predict real and fake from everything but the faces, before any network does.

    Source, delivery, quantisation tables, light, sharpness, background, framing, compression residue; and three
    controls that see next to nothing of a face: its keypoints, a thumbnail, the picture with the face blanked out. What
    scores here is what a network could learn instead. Both the pictures and the crops that a network would see are
    audited; --strict judges the crops.
    """
    from aletheia.audit.command import audit_source
    from aletheia.faces.cutting import Cutting

    place = source if source == "synthetic" else _absolute(source)
    cutting = Cutting(image_size, face_policy, face_margin)
    names = (place, _absolute(manifest), report, images, remedy, cutting, seed)
    if not audit_source(*names, as_json=as_json) and strict:
        raise typer.Exit(1)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A tag (production, candidate), a store://models/… URI, or a folder.")],
    source: Annotated[str, typer.Argument(help='"synthetic", a folder with real/ and fake/, or a manifest.')],
    manifest: Annotated[str, typer.Option(help="CSV with sources, generators, demographics of the files.")] = "",
    report: Annotated[Path, typer.Option(help="Where to write the report.")] = Path("report.html"),
    images: Annotated[int, typer.Option(min=50, help='Pictures that "synthetic" makes.')] = 1500,
    delivery_faces: Annotated[
        int, typer.Option(min=1, help="Faces, at most, that are scored in some thirty other deliveries each.")
    ] = 500,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a check fails.")] = False,
    seed: Annotated[int, typer.Option(help="Of baselines and bootstraps.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Say what a model is worth on pictures from elsewhere.

    Everything stands beside what detectors that know nothing of faces reach: they learn from one half of the people and
    are scored on the other. Nobody but you knows whether the model has seen some of these pictures before.
    """
    from aletheia.evaluation.command import evaluate_source

    place = source if source == "synthetic" else _absolute(source)
    names = (model, place, _absolute(manifest), report, images, delivery_faces, seed)
    if not evaluate_source(*names, as_json=as_json) and strict:
        raise typer.Exit(1)


def _absolute(path: str) -> str:
    return str(Path(path).resolve()) if path and "://" not in path else path


def _pairs(words: list[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise InputError(f"--recipe {word!r} is not key=value, as in --recipe augmentation=strong.")
    return dict(word.split("=", 1) for word in words)


def _numbers(text: str, kind: type, option: str) -> list:
    try:
        values = [kind(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InputError(f"{option} {text!r} is not a comma-separated list of numbers.") from None
    if not values:
        raise InputError(f"{option} holds no value; the grid needs at least one.")
    return values


def main() -> None:
    """Entry point: what the user can mend becomes one sentence and exit code 2, Ctrl-C exit code 130."""
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "10")  # a log file is read by the line, not watched
    try:
        app()
    except InputError as error:
        _complain(str(error))
        sys.exit(2)
    except OSError as error:
        if error.errno != errno.ENOSPC and getattr(error, "code", None) != HTTPStatus.INSUFFICIENT_STORAGE:
            raise
        _complain(DISK_FULL)
        sys.exit(2)
    except SystemExit as done:
        if done.code == 130:
            _complain("Interrupted. Run the same command again to go on.")
        raise


def _complain(message: str) -> None:
    Console(stderr=True).print("[bold red]aletheia:[/]", Text(message), soft_wrap=True)


if __name__ == "__main__":
    main()
