"""The bundle that is registered: the same weights, with test metrics, verdicts and card."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.models.bundle import load_bundle, save_bundle
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec, read_spec
from aletheia.release.bundle import release_bundle
from aletheia.release.checks import registered_checks
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate import run_gate


@pytest.fixture
def trained(tmp_path) -> Path:
    torch.manual_seed(1)
    spec = ModelSpec(architecture="attention_cnn", options={"width": 8}, input_size=48, metrics={"val_auc": 0.9})
    save_bundle(tmp_path / "trained", create_model("attention_cnn", width=8).eval(), spec)
    return tmp_path / "trained"


@pytest.fixture
def released(trained, good):
    """Release the trained bundle after an evaluation with changes."""

    def released(folder: Path, **changes) -> tuple[Path, ModelSpec]:
        report = EvaluationReport.parse({**good, "weights_sha256": read_spec(trained).weights_sha256, **changes})
        return release_bundle(trained, report, run_gate(report, production_weights=""), folder)

    return released


def test_release_bundle_weights_metrics_verdicts_card(trained, released, good, tmp_path):
    folder, spec = released(tmp_path / "released", leaks=2)
    before, after = load_bundle(trained), load_bundle(folder)
    for name, weight in before[0].state_dict().items():
        assert torch.equal(weight, after[0].state_dict()[name])
    assert spec.metrics["val_auc"] == 0.9
    assert spec.metrics["test_auc"] == good["metrics"]["auc"]["value"]
    assert spec.metrics["test_majority_share"] == 0.5
    assert spec.metrics["baseline_files_auc"] == 0.52
    card = (folder / "README.md").read_text()
    assert "Registered as `candidate`" in card and "| no leakage | FAILED |" in card
    assert spec.checks["no leakage"]["passed"] is False
    assert spec.checks["beats the file-property shortcut"]["passed"] is True
    assert spec.checks["no leakage"]["state"] == "failed" and len(spec.checks) == len(registered_checks())
    assert after[1] == spec and spec.weights_sha256 == before[1].weights_sha256


def test_release_bundle_evaluation_of_another_model(released, tmp_path):
    with pytest.raises(InputError, match="another model"):
        released(tmp_path / "released", weights_sha256="0" * 64)
    assert not (tmp_path / "released").exists()


def test_release_bundle_of_a_good_model(released, tmp_path):
    folder, spec = released(tmp_path / "released")
    assert "Registered as `production`" in (folder / "README.md").read_text()
    assert all(check["passed"] for check in spec.checks.values())


def test_release_bundle_undefined_numbers(released, good, tmp_path):
    good["metrics"]["eer"] = {"value": None, "low": None, "high": None}
    good["baselines"]["spectrum"].update(auc=None, low=None, high=None, reason="one class")
    folder, spec = released(tmp_path / "released")
    assert spec.metrics["test_eer"] is None and "baseline_spectrum_auc" not in spec.metrics
    assert read_spec(folder) == spec
