"""``aletheia run``: run the whole workflow."""

from __future__ import annotations

from typing import Annotated

import typer

from aletheia.cli.options import absolute, key_values, numbers


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
        "source": source if source == "synthetic" else absolute(source),
        "manifest": absolute(manifest),
        "ffhq": absolute(ffhq),
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
        "recipe": key_values(recipe),
        "seed": seed,
    }
    if learning_rates:
        arguments["learning_rates"] = numbers(learning_rates, float, "--learning-rates")
    if batch_sizes:
        arguments["batch_sizes"] = numbers(batch_sizes, int, "--batch-sizes")
    check_arguments(arguments)
    if run_workflow(arguments)["state"] != "completed":
        raise typer.Exit(1)
