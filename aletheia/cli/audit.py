"""``aletheia audit``: audit a data set for shortcuts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aletheia.cli.options import absolute


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
    from aletheia.cli.audit_source import audit_source
    from aletheia.faces.crop_config import CropConfig

    place = source if source == "synthetic" else absolute(source)
    cutting = CropConfig(size=image_size, policy=face_policy, margin=face_margin)
    names = (place, absolute(manifest), report, images, remedy, cutting, seed)
    if not audit_source(*names, as_json=as_json) and strict:
        raise typer.Exit(1)
