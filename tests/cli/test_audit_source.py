"""``aletheia audit`` with audits that stand in for those of a source."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from aletheia.audit.audit import Audit, Family
from aletheia.cli import app
from aletheia.cli.audit_source import audit_source
from aletheia.core.errors import InputError
from aletheia.datasets.pipeline import Faces
from aletheia.project.run_config import RunConfig
from aletheia.stats.tabular import Shortcut


def make_audit(auc: float) -> Audit:
    features = pd.DataFrame({"feature": ["width"], "name": ["width"], "importance": [0.2], "alone": [auc]})
    families = [
        Family(key, f"family {key}", key == "thumbnail", Shortcut(auc, auc - 0.05, auc + 0.04, 100, features), 0.01)
        for key in ("delivery", "thumbnail", "all")
    ]
    return Audit(tuple(families), 100, 50, 100, 0)


@pytest.fixture
def audit(crops, tmp_path, monkeypatch) -> Callable[..., Result]:
    """Run the command on 120 crops: the pictures give the label away, the crops with the given AUC."""
    faces = crops[1].assign(original=crops[1]["path"])

    def run(auc: float, *more: str) -> Result:
        audits = {"pictures": make_audit(0.9), "crops": make_audit(auc)}
        for name, value in {
            "load_dataset": lambda *args, **options: SimpleNamespace(pool=faces),
            "extract_dataset_faces": lambda *args, **options: Faces(faces, faces.iloc[:0], faces.iloc[:0], {}),
            "audit_faces": lambda _, of="pictures", **options: (audits[of], pd.DataFrame(index=faces.index)),
        }.items():
            monkeypatch.setattr(f"aletheia.cli.audit_source.{name}", value)
        arguments = ["audit", "synthetic", "--report", str(tmp_path / "audit.html"), *more]
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})

    return run


def test_audit_source_json(audit, tmp_path):
    result = audit(0.5, "--json")
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert set(values) == {"pictures", "crops", "remedies", "done", "report"}
    assert values["pictures"]["families"]["delivery"]["auc"] == 0.9
    assert values["crops"]["families"]["delivery"]["auc"] == 0.5
    assert values["done"] == [] and values["report"] == str(tmp_path / "audit.html")
    assert "0.900 (0.850 to 0.940)" in (tmp_path / "audit.html").read_text()


@pytest.mark.parametrize(("auc", "exit_code"), [(0.5, 0), (0.8, 1)])
def test_audit_source_strict_judges_the_crops(audit, auc, exit_code):
    result = audit(auc, "--strict")
    assert result.exit_code == exit_code, result.output
    row = next(line for line in result.stdout.splitlines() if "family delivery" in line)
    assert f"{auc:.3f} ({auc - 0.05:.3f} to {auc + 0.04:.3f})" in row
    assert "family delivery: AUC 0.90 (0.85 to 0.94): width." in result.stdout


def test_audit_source_unknown_remedy(tmp_path):
    with pytest.raises(InputError, match="paint"):
        audit_source(RunConfig(remedies=["paint"]), tmp_path / "audit.html", as_json=True)
