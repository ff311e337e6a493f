"""What ``aletheia audit`` does: gather, cut out, audit, try remedies, tell."""

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
from aletheia.faces.crop_config import CropConfig
from aletheia.reports.audit_report import audit_report


def audit_source(
    source: str,
    manifest: str,
    report: Path,
    images: int,
    words: Sequence[str],
    cutting: CropConfig,
    seed: int,
    *,
    as_json: bool,
) -> bool:
    """Audit a source, write the page, print a table (or JSON); True when nothing gives the label away in the crops.

    Raises
    ------
    InputError
        For a source or remedies that cannot be used.
    """
    remedies = Remedies.parse(words)
    data = load_dataset(source, manifest=manifest, n_synthetic=images, seed=seed)
    faces = extract_dataset_faces(data, cutting).main
    pictures, measures = audit_faces(faces, seed=seed)
    done = apply_remedies(faces, data.pool.iloc[:0], remedies, seed=seed)
    crops, _ = audit_faces(done.faces, CROPS, seed=seed)
    with atomic_write(report) as file:
        file.write(audit_report(pictures, faces, measures, crops, done.messages).encode())
    if as_json:
        told = {"remedies": remedies.words(), "done": done.messages, "report": str(report)}
        print(json.dumps({"pictures": pictures.to_dict(), "crops": crops.to_dict(), **told}, indent=2))
    else:
        _print(pictures, crops, done.messages, report)
    return crops.verdict == "good"


def _print(pictures: Audit, crops: Audit, done: Sequence[str], report: Path) -> None:
    console = Console()
    table = Table("family", "pictures: AUC", "crops: AUC", "leading measures")
    for family in pictures.families:
        look = "bold" if family.tells else None
        beside = crops.family(family.key).auc_text
        table.add_row(family.name, family.auc_text, beside, ", ".join(family.outcome.leading), style=look)
    console.print(table)
    for heading, sentences in (
        ("In the pictures as they were delivered:", pictures.sentences()),
        ("Remedies:", done),
        ("In the crops that a network would see:", crops.sentences()),
    ):
        if sentences:
            console.print(heading, style="bold")
        for sentence in sentences:
            console.print(f"  {sentence}", highlight=False, markup=False)
    console.print(f"The page: {report}", highlight=False, markup=False)
