"""``aletheia audit``: audit a data set for shortcuts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aletheia.cli.options import takes_options


@takes_options(
    "manifest",
    "link_roots",
    "manifest_root",
    "no_guessing",
    "n_synthetic",
    "remedies",
    "image_size",
    "face_policy",
    "face_margin",
    "seed",
    argument="source",
)
def audit(
    options: dict[str, Any],
    report: Annotated[Path, typer.Option(help="Where to write the page.")] = Path("audit.html"),
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 unless the audit was made and nothing gives the label away.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Predict real and fake from everything but the faces, before any network does.

    Source, delivery, quantisation tables, light, sharpness, background, framing, compression residue; and three
    controls that see next to nothing of a face: its keypoints, a thumbnail, the picture with the face blanked out. What
    scores here is what a network could learn instead. Both the pictures and the crops that a network would see are
    audited; --strict judges the crops.
    """
    from aletheia.cli.audit_source import audit_source
    from aletheia.project.run_config import RunConfig

    config = RunConfig.parse(options)
    config.check_sources()
    if not audit_source(config, report, as_json=as_json) and strict:
        raise typer.Exit(1)
