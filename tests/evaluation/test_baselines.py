"""Trivial detectors on the rows of a network."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from aletheia.audit.file_properties import shortcut_auc
from aletheia.audit.measures import CONTROLS, FAMILIES
from aletheia.audit.pixel_controls import PIXEL_CONTROLS
from aletheia.datasets.manifest import validate_manifest
from aletheia.evaluation.baselines import BASELINES, FILES, SPECTRUM, Baselines, score_baselines
from aletheia.evaluation.figures import baseline_figure
from aletheia.evaluation.network_controls import NETWORK_CONTROLS, SMALL
from aletheia.stats.metrics import evaluate_scores
from aletheia.stats.scored_set import ScoredSet
from aletheia.stats.tabular import Shortcut, not_computed


@pytest.fixture(scope="module")
def manifests(crops) -> list[pd.DataFrame]:
    return [validate_manifest(part) for part in crops]


@pytest.fixture(scope="module")
def baselines(manifests) -> Baselines:
    return score_baselines(*manifests, 32, progress=False)


def test_score_baselines_of_each_kind(baselines, manifests):
    families = [key for key in FAMILIES if key not in CONTROLS]
    expected_keys = [FILES, *CONTROLS, *PIXEL_CONTROLS, SPECTRUM, *NETWORK_CONTROLS, *families, "all"]
    assert list(baselines.outcomes) == list(BASELINES) == expected_keys
    expected = shortcut_auc(*manifests)
    files = baselines.outcomes[FILES]
    assert (files.auc, files.low, files.high) == (expected.auc, expected.low, expected.high)
    assert {outcome.n for outcome in baselines.outcomes.values() if not outcome.reason} == {len(manifests[1])}
    assert baselines.outcomes[SMALL].reason == "the networks were not trained"
    assert baselines.spectra.shape == (len(manifests[1]), 16)
    np.testing.assert_array_equal(baselines.fake, manifests[1]["label"] == "fake")


def test_baselines_to_dict_json(baselines):
    values = json.loads(json.dumps(baselines.to_dict(), allow_nan=False))
    assert values[SPECTRUM]["name"] == BASELINES[SPECTRUM].name
    assert values[SPECTRUM]["auc"] == baselines.outcomes[SPECTRUM].auc and values[SPECTRUM]["reason"] == ""


def test_score_baselines_reasons_without_face_places(manifests):
    train, test = (part.drop(columns=["face_keypoints", "original"], errors="ignore") for part in manifests)
    outcomes = score_baselines(train, test, 32, progress=False).outcomes
    assert all(outcomes[key].reason for key in CONTROLS) and not outcomes[FILES].reason


def test_baseline_figure_network_beside_detectors(baselines):
    rng = np.random.default_rng(0)
    y = np.arange(100) % 2
    metrics = evaluate_scores(ScoredSet(y, np.clip(rng.normal(0.3 + 0.4 * y, 0.2), 0, 1)), replicates=50)
    reason = {**baselines.outcomes, FILES: not_computed("there are no rows", False)}
    network, trivial = baseline_figure(Baselines(reason, baselines.spectra, baselines.fake), metrics).data
    assert list(network.x) == [metrics["auc"].value]
    np.testing.assert_allclose(network.error_x.array, [metrics["auc"].high - metrics["auc"].value])
    shown = [key for key, outcome in reason.items() if not outcome.reason]
    assert list(trivial.y) == [BASELINES[key].name for key in shown[::-1]] and BASELINES[FILES].name not in trivial.y
    np.testing.assert_allclose(trivial.x, [reason[key].auc for key in shown[::-1]])


def test_baseline_figure_nothing_computed(baselines):
    outcomes: dict[str, Shortcut] = dict.fromkeys(BASELINES, not_computed("no rows", False))
    metrics = evaluate_scores(ScoredSet([0, 1], [0.2, 0.8]), replicates=0)
    figure = baseline_figure(Baselines(outcomes, baselines.spectra, baselines.fake), metrics)
    assert not figure.data and "nothing to compare" in figure.layout.annotations[0].text
