"""Work of ``aletheia audit``: audit the pictures of a source, try remedies, audit the crops, write page and table."""

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
from aletheia.reports.audit_report import render_audit_report


def audit_source(config: RunConfig, page: Path, *, as_json: bool) -> bool:
    """Audit a source, write the page, print a table (or JSON); True when nothing gives the label away in the crops.

    Raises
    ------
    InputError
        For a source or remedies that cannot be used.
    """
    remedies, crop, seed = Remedies.parse(config.remedies), config.crop_config(), config.seed
    data = load_dataset(config.source, **config.source_options())
    faces = extract_dataset_faces(data, crop).main
    pictures, measures = audit_faces(faces, seed=seed)
    remedied = apply_remedies(faces, data.pool.iloc[:0], remedies, seed=seed)
    crops, _ = audit_faces(remedied.faces, CROPS, seed=seed)
    with atomic_write(page) as file:
        file.write(render_audit_report(pictures, faces, measures, crops, remedied.messages).encode())
    if as_json:
        audits = {"pictures": pictures.to_dict(), "crops": crops.to_dict()}
        context = {"remedies": remedies.words(), "done": remedied.messages, "report": str(page)}
        print(json.dumps({**audits, **context}, indent=2))
    else:
        _print_audits(pictures, crops, remedied.messages, page)
    return crops.verdict == "good"


def _print_audits(pictures: Audit, crops: Audit, remedy_messages: Sequence[str], page: Path) -> None:
    console = Console()
    table = Table("family", "pictures: AUC", "crops: AUC", "leading measures")
    for family in pictures.families:
        style = "bold" if family.tells else None
        in_crops = crops.family(family.key).auc_text
        table.add_row(family.name, family.auc_text, in_crops, ", ".join(family.outcome.leading), style=style)
    console.print(table)
    for heading, sentences in (
        ("In the pictures as they were delivered:", pictures.sentences()),
        ("Remedies:", remedy_messages),
        ("In the crops that a network would see:", crops.sentences()),
    ):
        if sentences:
            console.print(heading, style="bold")
        for sentence in sentences:
            console.print(f"  {sentence}", highlight=False, markup=False)
    console.print(f"The page: {page}", highlight=False, markup=False)
