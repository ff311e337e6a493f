"""The audit of ``aletheia audit``: load, cut out, audit, apply remedies, report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from aletheia.audit.audit import Audit, audit_faces
from aletheia.audit.measuring import CROPS
from aletheia.audit.remedies import Remedies, apply_remedies
from aletheia.core.files import atomic_write
from aletheia.datasets.pipeline import extract_dataset_faces, load_dataset
from aletheia.project.run_config import RunConfig
from aletheia.reports.audit_report import audit_report


def audit_source(config: RunConfig, report: Path, *, as_json: bool) -> bool:
    """Audit a source, write the page, print a table (or JSON).

    Returns
    -------
    bool
        Whether nothing gives the label away in the crops.

    Raises
    ------
    InputError
        For a source or remedies that cannot be used.
    """
    remedies, seed = Remedies.parse(config.remedies), config.seed
    crop = config.crop_config()
    data = load_dataset(config.source, manifest=config.manifest, images=config.n_synthetic, seed=seed)
    faces = extract_dataset_faces(data, crop).main
    pictures, measures = audit_faces(faces, seed=seed)
    remedied = apply_remedies(faces, data.pool.iloc[:0], remedies, seed=seed)
    crops, _ = audit_faces(remedied.faces, CROPS, seed=seed)
    with atomic_write(report) as file:
        file.write(audit_report(pictures, faces, measures, crops, remedied.told).encode())
    if as_json:
        summary = {"remedies": remedies.words(), "done": remedied.told, "report": str(report)}
        print(json.dumps({"pictures": pictures.to_dict(), "crops": crops.to_dict(), **summary}, indent=2))
    else:
        _print(pictures, crops, remedied.told, report)
    return crops.verdict == "good"


def _print(pictures: Audit, crops: Audit, remedies: Sequence[str], report: Path) -> None:
    console = Console()
    table = Table("family", "pictures: AUC", "crops: AUC", "leading measures")
    for family in pictures.families:
        style = "bold" if family.tells else None
        in_crops = crops.family(family.key).told
        table.add_row(family.name, family.told, in_crops, ", ".join(family.outcome.leading), style=style)
    console.print(table)
    for heading, sentences in (
        ("In the pictures as they were delivered:", pictures.sentences()),
        ("Remedies:", remedies),
        ("In the crops that a network would see:", crops.sentences()),
    ):
        if sentences:
            console.print(heading, style="bold")
        for sentence in sentences:
            console.print(f"  {sentence}", highlight=False, markup=False)
    console.print(f"The page: {report}", highlight=False, markup=False)
