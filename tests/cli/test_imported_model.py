"""Published weights, imported and evaluated on faces of one's own, without a training."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.datasets.pipeline import Dataset, Faces
from aletheia.models.registry import create_model
from aletheia.release.checks import registered_checks


@pytest.mark.slow
def test_import_and_evaluate(crops, tmp_path, monkeypatch, tracking_url):
    """In the names of Bonettini et al.; the weights are random, so that the verdict has to be a refusal."""
    torch.manual_seed(0)
    state = create_model("efficientnet_autoatt_b0").state_dict()
    published = {
        name.replace("backbone._fc.", "classifier.")
        .replace("backbone.", "efficientnet.")
        .replace("attention.", "efficientnet.attconv."): value
        for name, value in state.items()
    }
    torch.save(published, tmp_path / "EfficientNetAutoAttB0_DFDC.pth")
    rows, skipped = crops[1].groupby("label").head(20), pd.DataFrame(columns=["path", "reason"])
    faces = Faces(rows.reset_index(drop=True), rows.iloc[:0], skipped, {})
    data = Dataset(rows[["path", "label"]], rows.iloc[:0], skipped)
    monkeypatch.setattr("aletheia.cli.evaluate_source.load_dataset", lambda *args, **options: data)
    monkeypatch.setattr("aletheia.evaluation.elsewhere.extract_dataset_faces", lambda *args, **options: faces)

    def call(*words: str) -> dict:
        result = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    model = str(tmp_path / "model")
    words = ["--architecture", "efficientnet_autoatt_b0", "--input-size", "32", "--output", model]
    spec = call("models", "import", str(tmp_path / "EfficientNetAutoAttB0_DFDC.pth"), *words)["spec"]
    assert "ICPR 2020" in spec["trained_on"] and spec["checks"] == {}
    page = tmp_path / "report.html"
    report = call("evaluate", model, "synthetic", "--report", str(page), "--delivery-faces", "1")
    assert report["n_real"] + report["n_fake"] == 40 and page.stat().st_size > 10_000
    assert len(report["checks"]) == len(registered_checks())
    assert not all(check["passed"] for check in report["checks"].values())
    assert report["weights_sha256"] == spec["weights_sha256"]
