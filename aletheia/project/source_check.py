"""The data of a run before any of it is opened: what a later step would refuse is refused at once."""

from __future__ import annotations

import dataclasses
import difflib
from typing import TYPE_CHECKING

from aletheia.core.errors import InputError
from aletheia.project.run_config import RunConfig

if TYPE_CHECKING:
    import pandas as pd


def check_data(config: RunConfig) -> pd.DataFrame:
    """List the files of a run and compare the options with them; return their rows, a manifest's columns.

    Files are listed, those of a manifest looked for, and none is opened. Drawn pictures are planned.

    Raises
    ------
    InputError
        For a source, manifest or pool that is missing, empty or does not fit, and for an option that names a
        generator, source, family of the audit or column that there is not.
    """
    from aletheia.datasets.leave_out import leave_out_rows
    from aletheia.datasets.listing import list_source

    rows = _rows(config)
    if missing := {"real", "fake"} - set(rows["label"]):
        absent = missing.pop()
        there = "real" if absent == "fake" else "fake"
        raise InputError(f"source: {config.source} holds only {there} images; add {absent} images.")
    if config.real_pool not in ("", "synthetic"):
        list_source(config.real_pool, link_roots=config.link_roots, pool=True)
    for word in config.leave_out:
        try:
            leave_out_rows(rows, word)
        except InputError as error:
            raise InputError(f"leave_out: {error}") from None
    _check_waived(config.waive, rows)
    return rows


def _rows(config: RunConfig) -> pd.DataFrame:
    from aletheia.datasets.pipeline import SYNTHETIC

    if config.source == SYNTHETIC:
        import pandas as pd

        from aletheia.datasets.synthetic.plan import planned_rows

        return pd.DataFrame([dataclasses.asdict(row) for row in planned_rows(config.n_synthetic, config.seed)])
    from aletheia.datasets.listing import list_source

    return list_source(
        config.source,
        manifest=config.manifest,
        link_roots=config.link_roots,
        manifest_root=config.manifest_root,
    )


def _check_waived(names: list[str], rows: pd.DataFrame) -> None:
    """Refuse a name of no family of the audit, and of no column; which of them a run has, the gate checks."""
    if not names:
        return
    from aletheia.audit.audit import ALL, FILE_PROPERTIES, SOURCE
    from aletheia.audit.measures import FAMILIES
    from aletheia.datasets.schema import DEMOGRAPHICS

    known = list(dict.fromkeys([SOURCE, FILE_PROPERTIES, *FAMILIES, ALL, *DEMOGRAPHICS]))
    for name in names:
        if name not in (*known, *rows.columns):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}."
            raise InputError(f"waive: there is no family of the audit, and no column, {name!r}; {hint}")
