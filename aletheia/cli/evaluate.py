"""``aletheia evaluate``: evaluate a model on pictures from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aletheia.cli.device import DeviceOption, set_device
from aletheia.cli.options import takes_options


@takes_options(
    "manifest",
    "link_roots",
    "manifest_root",
    "no_guessing",
    "n_synthetic",
    "limits",
    "accept_unjudged",
    "waive",
    "seed",
    argument="source",
)
def evaluate(
    options: dict[str, Any],
    model: Annotated[str, typer.Argument(help="A tag (production, candidate), a store://models/… URI, or a folder.")],
    report: Annotated[Path, typer.Option(help="Where to write the report.")] = Path("report.html"),
    delivery_faces: Annotated[
        int, typer.Option(min=1, help="Faces, at most, that are scored in some thirty other deliveries each.")
    ] = 500,
    device: DeviceOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when a check fails, or is not judged and not accepted.")
    ] = False,
    allow_other_crops: Annotated[
        bool,
        typer.Option("--allow-other-crops", help="Score crops that were cut out otherwise than the model's."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure what a model is worth on pictures from elsewhere.

    Every score stands beside that of detectors which are blind to faces: they learn from one half of the people and are
    scored on the other. Only you know whether the model was trained on some of these pictures.
    Faces that the model's own data keep sealed for a release are left out.
    """
    from aletheia.core.device import evaluating_device

    set_device(device)
    evaluating_device()  # one that is not there is reported before anything is read
    from aletheia.cli.evaluate_source import evaluate_source
    from aletheia.project.run_config import RunConfig

    config = RunConfig.parse(options)
    config.check_sources()
    allowed = evaluate_source(
        model,
        config,
        report,
        delivery_faces=delivery_faces,
        allow_other_crops=allow_other_crops,
        as_json=as_json,
    )
    if not allowed and strict:
        raise typer.Exit(1)
