"""Abstention, counted by hand and with a network whose logit is the brightness."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.evaluation.abstention import (
    REENCODED,
    abstention_table,
    cause_table,
    coverage_table,
    crop_evidence,
    decide_rows,
    evaluate_abstention,
)
from aletheia.evaluation.prevalence import prior_shift
from aletheia.models.bundle import load_bundle
from aletheia.models.reencoding import compressed
from aletheia.models.registry import create_model
from aletheia.models.scoring import manifest_features, predict_crops, score_manifest
from aletheia.models.spec import AbstentionSpec, ModelSpec, TypicalSpec
from aletheia.models.typical_faces import fit_typical
from aletheia.models.verdict import BOTH, CAUSES, KIND, RANGE, TURNS, crop_statistics, decide
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.metrics import evaluate_scores
from aletheia.stats.scored_set import ScoredSet

RULES = AbstentionSpec(alpha=0.1, real_upper=0.7, fake_lower=0.5, ranges={"luma": (105.0, 140.0)}, reencode=0.2)


@pytest.fixture(scope="module")
def model(brightness_bundle):
    network, spec = load_bundle(brightness_bundle)
    return network, spec.model_copy(update={"abstention": RULES})


@pytest.fixture(scope="module")
def scored(model, crops, tmp_path_factory) -> pd.DataFrame:
    """The test crops with their scores; one of them cannot be read."""
    broken = tmp_path_factory.mktemp("broken") / "broken.png"
    broken.write_bytes(b"no picture")
    frame = crops[1][["path", "label", "identity"]].copy()
    frame.loc[7, "path"] = str(broken)
    scores = score_manifest(*model, frame, progress=False)
    return frame.assign(probability=scores.probabilities, logit=scores.logits)


@pytest.fixture(scope="module")
def evidence(model, scored):
    return crop_evidence(*model, scored, scored["logit"].to_numpy())


def test_crop_evidence_of_each_crop(model, scored, evidence):
    network, spec = model
    at = spec.calibration.logit_at(spec.threshold)
    assert evidence.loc[7].isna().all()
    near = (scored["logit"] - at).abs() <= RULES.reencode
    # Delivered as crops: they are compressed, but not scaled.
    assert (evidence[REENCODED[0]].notna() == near).all() and 2 <= near.sum() < 60
    assert evidence[REENCODED[1]].isna().all()
    row = np.flatnonzero(near)[1]
    crop = cv2.imread(scored["path"][row])[..., ::-1]
    assert evidence.loc[row, ["luma", "contrast", "sharpness"]].to_dict() == pytest.approx(crop_statistics(crop))
    (expected,) = predict_crops(network, spec, compressed(crop)[None])
    assert evidence.loc[row, REENCODED[0]] == pytest.approx(expected, abs=1e-6)


def test_decide_rows_matches_decide(model, scored, evidence):
    spec = model[1]
    rows = decide_rows(scored, evidence, spec)
    assert rows.loc[7].tolist() == ["unreadable", "", ""]
    for row in rows.drop(index=7).index:
        values = evidence.loc[row]
        reencoded = values[list(REENCODED)].dropna().tolist()
        verdict = decide(spec, float(scored["probability"][row]), statistics=values.to_dict(), reencoded=reencoded)
        assert rows.loc[row].tolist() == [verdict.verdict, verdict.reason, verdict.cause]
    assert {RANGE, BOTH} <= set(rows["cause"])


def test_decide_rows_turned_answers(model):
    scores = pd.DataFrame({"probability": [0.9, 0.9, 0.1]})
    evidence = pd.DataFrame({REENCODED[0]: [0.8, 0.9, np.nan], REENCODED[1]: [0.7, 0.59, np.nan]})
    assert decide_rows(scores, evidence, model[1])["cause"].tolist() == ["", TURNS, ""]


def answers(y, wrong) -> ScoredSet:
    """Rows for which the threshold is wrong or right."""
    return ScoredSet(y, np.where(y == wrong, 0.1, 0.9))


def test_abstention_table_by_hand():
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1], dtype=bool)
    wrong = np.array([1, 0, 0, 0, 1, 1, 0, 0, 0, 0], dtype=bool)
    answered = np.array([0, 1, 1, 1, 1, 0, 1, 1, 0, 0], dtype=bool)
    table = abstention_table(answers(y, wrong), answered).set_index("label")
    assert table["n"].to_dict() == {"all": 10, "real": 4, "fake": 6}
    assert table["answered"].to_dict() == {"all": 0.6, "real": 0.75, "fake": 0.5}
    assert table["error_answered"].to_dict() == pytest.approx({"all": 1 / 6, "real": 0, "fake": 1 / 3})
    assert table["error_all"].to_dict() == pytest.approx({"all": 0.3, "real": 0.25, "fake": 1 / 3})
    expected = clustered_rate(np.array([True, False, False]), np.arange(3))
    assert table.loc["fake", ["error_answered_low", "error_answered_high"]].tolist() == [expected.low, expected.high]
    silent = abstention_table(answers(y, wrong), np.zeros(10, bool)).set_index("label")
    assert silent.loc["all", "answered"] == 0 and np.isnan(silent.loc["all", "error_answered"])


def test_cause_table_by_hand():
    y = np.array([0, 0, 1, 1, 1], dtype=bool)
    wrong = np.array([1, 0, 1, 0, 0], dtype=bool)
    cause = np.array([BOTH, "", BOTH, RANGE, BOTH], dtype=object)
    table = cause_table(answers(y, wrong), cause).set_index("cause")
    assert list(table.index) == list(CAUSES)
    assert table.loc[BOTH, ["n", "share", "real", "fake", "wrong"]].tolist() == pytest.approx(
        [3, 0.6, 0.5, 2 / 3, 2 / 3]
    )
    assert table.loc[RANGE, ["n", "share", "real", "fake", "wrong"]].tolist() == pytest.approx([1, 0.2, 0, 1 / 3, 0])
    assert table.loc[TURNS, "n"] == 0 and np.isnan(table.loc[TURNS, "wrong"])


def test_coverage_table_by_hand():
    spec = ModelSpec(architecture="attention_cnn", input_size=32, abstention=RULES)
    y = np.repeat([False, True], [200, 4])
    p = np.concatenate([np.full(150, 0.7), np.full(50, 0.71), [0.5, 0.49, 0.9, 0.9]])
    table = coverage_table(ScoredSet(y, p), spec).set_index("label")
    assert table["covered"].to_dict() == {"real": 0.75, "fake": 0.75}
    assert (table["promised"] == 0.9).all()
    assert table["n"].to_dict() == {"real": 200, "fake": 4}
    # Three of four may be chance, and say nothing; 150 of 200 are not 90 %.
    assert table["kept"].to_dict() == {"real": False, "fake": None}
    assert (
        table["groups"].to_dict() == {"real": 200, "fake": 4} and "of 4 independent groups" in table["reason"]["fake"]
    )
    # A limit that was set on ten faces may cover so little, one from a thousand may not.
    for faces, kept in ((10, None), (1000, False)):
        rules = RULES.model_copy(update={"real_held": (0.9 * faces, 0.1 * faces)})
        row = coverage_table(ScoredSet(y, p), spec.model_copy(update={"abstention": rules})).iloc[0]
        assert row["limits_from"] == pytest.approx(faces) and row["kept"] is kept
        assert (row["p_value"] >= 0.025) == (kept is None)
    # In two videos only, they may be chance, too.
    videos = ScoredSet(y, p, groups=np.repeat([0, 1, 2], [150, 50, 4]))
    assert coverage_table(videos, spec).set_index("label")["kept"]["real"] is None


def test_evaluate_abstention_matches_counts(model, scored, evidence):
    spec = model[1]
    result = evaluate_abstention(scored, evidence, spec, scored["identity"].to_numpy())
    verdicts = result.rows["verdict"].drop(index=7)
    overall = result.table.set_index("label").loc["all"]
    assert overall["n"] == 119
    assert overall["answered"] == pytest.approx((verdicts != "cannot tell").mean())
    answered = verdicts[verdicts != "cannot tell"]
    assert overall["error_answered"] == pytest.approx((answered != scored["label"][answered.index]).mean())
    assert result.causes["n"].sum() == (verdicts == "cannot tell").sum() > 0
    real = scored["probability"][(scored["label"] == "real") & scored["probability"].notna()]
    assert result.coverage.set_index("label").loc["real", "covered"] == pytest.approx((real <= 0.7).mean())
    assert result.curve["risk"].iloc[-1] == pytest.approx(overall["error_all"])
    assert 0 < result.area.value < 1


def test_evaluate_abstention_without_rules(model, scored, evidence):
    spec = model[1].model_copy(update={"abstention": None})
    result = evaluate_abstention(scored, evidence, spec)
    assert (result.table["answered"] == 1).all() and result.causes["n"].sum() == 0
    assert not len(result.coverage) and len(result.curve)
    assert crop_evidence(*model[:1], spec, scored, scored["logit"].to_numpy())[list(REENCODED)].isna().all(axis=None)


def test_evaluate_abstention_nothing_scored(model, scored, evidence):
    with pytest.raises(InputError, match="None of the 120 rows"):
        evaluate_abstention(scored.assign(probability=np.nan), evidence, model[1])


def test_abstention_table_has_the_intervals_of_the_metrics():
    # One number has one interval, wherever it stands: the metrics (and so the card), this table and the alarms.
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(30), 6)
    y = np.tile([0, 1], 90)
    p = np.clip(0.3 * y + 0.2 + rng.normal(0, 0.2, 180) + rng.normal(0, 0.2, 30)[groups], 0, 1)
    scored = ScoredSet(y, p, 0.5, groups)
    table = abstention_table(scored, np.ones(180, dtype=bool)).set_index("label")
    metrics = evaluate_scores(scored, replicates=5)
    for label, name in (("real", "fpr"), ("fake", "fnr")):
        row, rate = table.loc[label], metrics[name]
        values = pytest.approx((rate.value, rate.low, rate.high), rel=1e-12)
        assert (row.error_all, row.error_all_low, row.error_all_high) == values
        assert (row.error_answered, row.error_answered_low, row.error_answered_high) == values
    accuracy = metrics["accuracy"]
    assert (1 - table.loc["all"].error_all_high, 1 - table.loc["all"].error_all_low) == pytest.approx(
        (accuracy.low, accuracy.high)
    )
    alarms = prior_shift(scored, base_rates=(0.1,)).iloc[0]
    assert (alarms.false_alarms_low, alarms.false_alarms_high) == pytest.approx(
        (1e4 * metrics["fpr"].low, 1e4 * metrics["fpr"].high)
    )


def test_crop_evidence_distance_from_the_training_faces(model, scored):
    network, spec = create_model("attention_cnn", width=8).eval(), model[1]
    frame = scored.head(10)
    assert "distance" not in crop_evidence(network, spec, frame, frame["logit"].to_numpy())
    features = manifest_features(network, spec, scored)
    typical = fit_typical(features[np.isfinite(features).all(axis=1)])
    evidence = crop_evidence(network, spec, frame, frame["logit"].to_numpy(), typical)
    expected = typical.distances(features[:10])
    np.testing.assert_allclose(evidence["distance"], expected, rtol=1e-5)  # float32
    assert np.isnan(expected[7])
    rules = TypicalSpec(
        sha256="0" * 64, features=features.shape[1], limit=np.nanquantile(expected, 0.45), level=0.5, faces=9
    )
    judged = spec.model_copy(update={"abstention": RULES.model_copy(update={"typical": rules, "ranges": {}})})
    rows = decide_rows(frame, evidence, judged)
    assert ((rows["cause"] == KIND) == (expected > rules.limit)).all()
