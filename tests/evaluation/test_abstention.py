"""What abstaining is worth, counted by hand and with a network whose logit is the brightness."""

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
from aletheia.models.bundle import load_bundle
from aletheia.models.reencoding import compressed
from aletheia.models.scoring import predict_crops, score_manifest
from aletheia.models.spec import AbstentionSpec, ModelSpec
from aletheia.models.verdict import BOTH, CAUSES, RANGE, TURNS, crop_statistics, decide
from aletheia.stats.intervals import clustered_rate

RULES = AbstentionSpec(alpha=0.1, real_upper=0.7, fake_lower=0.5, ranges={"luma": (105.0, 140.0)}, reencode=0.2)


@pytest.fixture(scope="module")
def model(bundle):
    network, spec = load_bundle(bundle)
    return network, spec.model_copy(update={"abstention": RULES})


@pytest.fixture(scope="module")
def scored(model, crops, tmp_path_factory) -> pd.DataFrame:
    """The test crops with their scores; one of them cannot be read."""
    broken = tmp_path_factory.mktemp("broken") / "broken.png"
    broken.write_bytes(b"no picture")
    frame = crops[1][["path", "label", "identity"]].copy()
    frame.loc[7, "path"] = str(broken)
    found = score_manifest(*model, frame, progress=False)
    return frame.assign(probability=found.probabilities, logit=found.logits)


@pytest.fixture(scope="module")
def evidence(model, scored):
    return crop_evidence(*model, scored, scored["logit"].to_numpy())


def test_the_evidence_of_each_crop(model, scored, evidence):
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
    (wanted,) = predict_crops(network, spec, compressed(crop)[None])
    assert evidence.loc[row, REENCODED[0]] == pytest.approx(wanted, abs=1e-6)


def test_every_row_is_decided_as_a_face_is(model, scored, evidence):
    spec = model[1]
    rows = decide_rows(scored, evidence, spec)
    assert rows.loc[7].tolist() == ["unreadable", "", ""]
    for row in rows.drop(index=7).index:
        known = evidence.loc[row]
        again = known[list(REENCODED)].dropna().tolist()
        said = decide(spec, scored["probability"][row], statistics=known.to_dict(), reencoded=again)
        assert rows.loc[row].tolist() == [said.verdict, said.reason, said.cause]
    assert {RANGE, BOTH} <= set(rows["cause"])


def test_a_row_whose_answer_turned_is_not_answered(model):
    scores = pd.DataFrame({"probability": [0.9, 0.9, 0.1]})
    evidence = pd.DataFrame({REENCODED[0]: [0.8, 0.9, np.nan], REENCODED[1]: [0.7, 0.59, np.nan]})
    assert decide_rows(scores, evidence, model[1])["cause"].tolist() == ["", TURNS, ""]


def test_who_is_answered_counted_by_hand():
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1], dtype=bool)
    wrong = np.array([1, 0, 0, 0, 1, 1, 0, 0, 0, 0], dtype=bool)
    answered = np.array([0, 1, 1, 1, 1, 0, 1, 1, 0, 0], dtype=bool)
    ids = np.arange(10)
    table = abstention_table(y, wrong, answered, ids).set_index("label")
    assert table["n"].to_dict() == {"all": 10, "real": 4, "fake": 6}
    assert table["answered"].to_dict() == {"all": 0.6, "real": 0.75, "fake": 0.5}
    assert table["error_answered"].to_dict() == pytest.approx({"all": 1 / 6, "real": 0, "fake": 1 / 3})
    assert table["error_all"].to_dict() == pytest.approx({"all": 0.3, "real": 0.25, "fake": 1 / 3})
    wanted = clustered_rate(np.array([True, False, False]), np.arange(3))
    assert table.loc["fake", ["error_answered_low", "error_answered_high"]].tolist() == [wanted.low, wanted.high]
    nobody = abstention_table(y, wrong, np.zeros(10, bool), ids).set_index("label")
    assert nobody.loc["all", "answered"] == 0 and np.isnan(nobody.loc["all", "error_answered"])


def test_the_causes_counted_by_hand():
    y = np.array([0, 0, 1, 1, 1], dtype=bool)
    wrong = np.array([1, 0, 1, 0, 0], dtype=bool)
    cause = np.array([BOTH, "", BOTH, RANGE, BOTH], dtype=object)
    table = cause_table(y, wrong, cause, np.arange(5)).set_index("cause")
    assert list(table.index) == list(CAUSES)
    assert table.loc[BOTH, ["n", "share", "real", "fake", "wrong"]].tolist() == pytest.approx(
        [3, 0.6, 0.5, 2 / 3, 2 / 3]
    )
    assert table.loc[RANGE, ["n", "share", "real", "fake", "wrong"]].tolist() == pytest.approx([1, 0.2, 0, 1 / 3, 0])
    assert table.loc[TURNS, "n"] == 0 and np.isnan(table.loc[TURNS, "wrong"])


def test_coverage_beside_its_promise():
    spec = ModelSpec(architecture="attention_cnn", input_size=32, abstention=RULES)
    y = np.repeat([False, True], [200, 4])
    p = np.concatenate([np.full(150, 0.7), np.full(50, 0.71), [0.5, 0.49, 0.9, 0.9]])
    table = coverage_table(y, p, spec, np.arange(204)).set_index("label")
    assert table["covered"].to_dict() == {"real": 0.75, "fake": 0.75}
    assert (table["promised"] == 0.9).all()
    assert table["n"].to_dict() == {"real": 200, "fake": 4}
    # Three of four may be chance; 150 of 200 are not 90 %.
    assert table["kept"].to_dict() == {"real": False, "fake": True}
    # In two videos only, they may be chance, too.
    assert coverage_table(y, p, spec, np.repeat([0, 1, 2], [150, 50, 4])).set_index("label")["kept"]["real"]


def test_all_of_it(model, scored, evidence):
    spec = model[1]
    found = evaluate_abstention(scored, evidence, spec, scored["identity"].to_numpy())
    said = found.rows["verdict"].drop(index=7)
    overall = found.table.set_index("label").loc["all"]
    assert overall["n"] == 119
    assert overall["answered"] == pytest.approx((said != "cannot tell").mean())
    given = said[said != "cannot tell"]
    assert overall["error_answered"] == pytest.approx((given != scored["label"][given.index]).mean())
    assert found.causes["n"].sum() == (said == "cannot tell").sum() > 0
    real = scored["probability"][(scored["label"] == "real") & scored["probability"].notna()]
    assert found.coverage.set_index("label").loc["real", "covered"] == pytest.approx((real <= 0.7).mean())
    assert found.curve["risk"].iloc[-1] == pytest.approx(overall["error_all"])
    assert 0 < found.area.value < 1


def test_a_model_that_always_answers(model, scored, evidence):
    spec = model[1].model_copy(update={"abstention": None})
    found = evaluate_abstention(scored, evidence, spec)
    assert (found.table["answered"] == 1).all() and found.causes["n"].sum() == 0
    assert not len(found.coverage) and len(found.curve)
    assert crop_evidence(*model[:1], spec, scored, scored["logit"].to_numpy())[list(REENCODED)].isna().all(axis=None)


def test_nothing_to_evaluate(model, scored, evidence):
    with pytest.raises(InputError, match="None of the 120 rows"):
        evaluate_abstention(scored.assign(probability=np.nan), evidence, model[1])
