"""`aletheia audit` and `aletheia evaluate` on a small drawn data set: the pages, the tables, the JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aletheia.audit.remedies import Remedies, apply_remedies
from aletheia.cli.audit_source import audit_source
from aletheia.cli.evaluate_source import evaluate_source, resave_as_in_training
from aletheia.core.errors import InputError
from aletheia.datasets.pipeline import extract_dataset_faces, load_dataset
from aletheia.models.spec import CropSpec
from aletheia.project.run_config import RunConfig


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder for generated data that the tests share; drawn and searched for faces once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALETHEIA_DATA", str(tmp_path_factory.mktemp("data")))
        yield


CONFIG = RunConfig(n_synthetic=240, image_size=64, seed=1)


@pytest.mark.slow
def test_audit_source_json_and_page(data, tmp_path, capsys):
    page = tmp_path / "audit.html"
    config = RunConfig(**{**CONFIG.params(), "remedies": ["reencode=70-80"]})
    passed = audit_source(config, page, as_json=True)
    summary = json.loads(capsys.readouterr().out)
    assert summary["remedies"] == ["reencode=70-80"] and len(summary["done"]) == 1
    assert summary["report"] == str(page) and "<html" in page.read_text()[:300]
    assert passed == (not any(family["tells"] for family in summary["crops"]["families"].values()))
    assert set(summary) == {"pictures", "crops", "remedies", "done", "report"}


@pytest.mark.slow
def test_audit_source_table(data, tmp_path, capsys):
    audit_source(CONFIG, tmp_path / "audit.html", as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert any("crops: AUC" in line for line in lines)
    assert lines[-1] == f"The page: {tmp_path / 'audit.html'}"


def test_audit_source_unknown_remedy(tmp_path):
    with pytest.raises(InputError, match="paint"):
        audit_source(RunConfig(remedies=["paint"]), tmp_path / "audit.html", as_json=True)


@pytest.mark.slow
def test_evaluate_source_json_and_page(data, brightness_bundle, tmp_path, capsys):
    page = tmp_path / "report.html"
    passed = evaluate_source(str(brightness_bundle), CONFIG, page, delivery_faces=4, as_json=True)
    result = json.loads(capsys.readouterr().out)
    assert result["model"] == str(brightness_bundle) and result["report"] == str(page)
    assert passed == all(check["passed"] for check in result["checks"].values())
    assert not passed  # brightness is no evidence of a forgery
    assert result["n"] + result["left_out"] == 240 and "<html" in page.read_text()[:300]


def test_evaluate_source_unknown_model(tmp_path):
    with pytest.raises(InputError, match="holds no model"):
        evaluate_source(str(tmp_path), CONFIG, tmp_path / "report.html", delivery_faces=4, as_json=True)


def test_resave_as_in_training(data):
    crop = CropSpec(size=64, policy="scale", margin=0.2)
    drawn = load_dataset("synthetic", images=240, seed=1)
    faces = extract_dataset_faces(drawn, CONFIG.crop_config()).main.head(6)
    assert resave_as_in_training(faces, crop, 1) is faces
    saved = resave_as_in_training(faces, crop.model_copy(update={"quality": (70, 80), "resolution": 32}), 1)
    remedies = Remedies(quality=(70, 80), resolution=32)
    np.testing.assert_array_equal(saved.path, apply_remedies(faces, faces.iloc[:0], remedies, seed=1).faces.path)
    assert not set(saved.path) & set(faces.path)
