"""``aletheia evaluate``: evaluate a model on pictures from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aletheia.cli.options import absolute


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
    from aletheia.cli.evaluate_source import evaluate_source

    place = source if source == "synthetic" else absolute(source)
    names = (model, place, absolute(manifest), report, images, delivery_faces, seed)
    if not evaluate_source(*names, as_json=as_json) and strict:
        raise typer.Exit(1)
