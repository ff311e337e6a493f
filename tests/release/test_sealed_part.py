"""The sealed part is opened for a model that every other check lets pass, once a model, and that is recorded."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.models.bundle import load_bundle
from aletheia.models.scoring import predict_manifest
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate import run_gate
from aletheia.release.model_card import sealed_note
from aletheia.release.sealed_part import open_sealed
from aletheia.release.tries import count_tries


@pytest.fixture
def report(good) -> EvaluationReport:
    return EvaluationReport.parse(good)


def test_open_sealed_scores_and_counts(mlrun_project, brightness_bundle, crops, report):
    import mlrun

    rows, name = crops[1], mlrun_project.name
    opened = open_sealed(
        brightness_bundle, rows, report, run_gate(report, production_weights=""), project=name, progress=False
    )
    network, spec = load_bundle(brightness_bundle)
    scores = predict_manifest(network, spec, rows, progress=False)
    known = np.isfinite(scores)
    assert opened.sealed.auc == pytest.approx(roc_auc_score(rows["label"][known] == "fake", scores[known]))
    assert (opened.sealed.number, opened.sealed.n) == (1, known.sum())
    assert "opened for 1 model so far" in sealed_note(opened)
    body = {
        "metadata": {"name": "register", "uid": "0" * 32, "project": name},
        "status": {"state": "completed", "results": opened.sealed.results("a" * 64)},
    }
    mlrun.get_run_db().store_run(body, "0" * 32, name)
    assert count_tries(rows, project=name).models == {"a" * 64}
    again = open_sealed(
        brightness_bundle, rows, report, run_gate(report, production_weights=""), project=name, progress=False
    )
    assert again.sealed.number == 2 and "opened for 2 models so far" in sealed_note(again)


def test_open_sealed_stays_closed_for_a_refused_model(brightness_bundle, crops, report):
    checks = [dataclasses.replace(check, state="failed") for check in run_gate(report)]
    closed = open_sealed(brightness_bundle, crops[1], report, checks, project="none").sealed
    assert "stay sealed, since another check refuses" in closed.reason and not closed.estimate.is_defined
    assert closed.results("a") == {}


@pytest.mark.parametrize("rows", [None, "empty"])
def test_open_sealed_without_a_part(brightness_bundle, crops, report, rows):
    rows = rows and crops[1].iloc[:0]
    sealed = open_sealed(brightness_bundle, rows, report, run_gate(report), project="none")
    assert sealed.sealed.reason == "no part of the test set is sealed" and sealed_note(sealed) == ""
