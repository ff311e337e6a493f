"""Drawn people under names of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.synthetic.plan import planned_rows
from aletheia.datasets.synthetic.strangers import draw_strangers


@pytest.mark.slow
def test_strangers_share_no_name_with_other_drawn_people(tmp_path):
    manifest = draw_strangers(tmp_path / "new", 50, 100, progress=False)
    rows = read_manifest(manifest)
    names = {*rows["identity"], *(name for pair in rows["pair"] for name in pair.split("|") if name)}
    assert all(name.startswith("stranger-100-") for name in names)
    assert not names & {row.identity for row in planned_rows(1000, 0)}
    assert set(rows["label"]) == {"real", "fake"} and all(Path(path).is_file() for path in rows["path"])
    assert rows["pair"].str.contains(r"^stranger-100-[^|]+\|stranger-100-[^|]+$").any()
