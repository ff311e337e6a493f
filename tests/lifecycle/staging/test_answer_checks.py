"""Golden answers, and test faces scored offline."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.inference.predictor import Predictor
from aletheia.lifecycle.staging.answer_checks import check_golden, check_offline, offline_scores
from aletheia.models.model_files import GOLDEN
from aletheia.models.spec import read_spec
from aletheia.release.golden_answers import draw_pictures

from .conftest import with_golden


def test_golden_pictures_pass(service, golden_bundle):
    result = check_golden(service.client, golden_bundle, read_spec(golden_bundle))
    assert (result.state, result.code) == ("passed", "golden-answers") and result.detail.startswith("8 pictures")
    assert result.documentation == "lifecycle.md#staging-golden-answers"


def test_another_model_fails_the_golden_pictures(service, tmp_path):
    other = with_golden(tmp_path, seed=5)
    result = check_golden(service.client, other, read_spec(other))
    assert result.state == "failed" and "of 8 pictures differ: picture 1" in result.detail


@pytest.mark.parametrize(("change", "state"), [(0.004, "passed"), (-0.004, "passed"), (0.01, "failed")])
def test_golden_tolerance(service, golden_bundle, tmp_path, change, state):
    spec = read_spec(golden_bundle)
    values = json.loads((golden_bundle / GOLDEN).read_bytes())
    values["answers"][3]["raw_probability"] += change
    content = json.dumps(values).encode()
    (tmp_path / GOLDEN).write_bytes(content)
    changed = spec.model_copy(update={"golden": hashlib.sha256(content).hexdigest()})
    result = check_golden(service.client, tmp_path, changed)
    assert result.state == state and (state == "passed" or "picture 4" in result.detail)


def test_golden_fails_on_another_verdict_and_on_errors(staged, golden_bundle):
    def alter(path, status, body):
        if path != "/v1/predict":
            return status, body
        alter.count += 1
        return (503, {"ok": False}) if alter.count == 1 else (status, {**body, "verdict": "cannot tell"})

    alter.count = 0
    with staged(alter) as running:
        result = check_golden(running.client, golden_bundle, read_spec(golden_bundle))
    assert result.state == "failed" and "8 of 8" in result.detail and "picture 1: 503" in result.detail


def test_golden_is_not_judged_without_recorded_answers(service, golden_bundle):
    spec = read_spec(golden_bundle).model_copy(update={"golden": ""})
    result = check_golden(service.client, golden_bundle, spec)
    assert result.state == "not judged" and not result.allows and "register it again" in result.detail


@pytest.fixture(scope="module")
def faces(golden_bundle, tmp_path_factory) -> pd.DataFrame:
    """Scores of an evaluation: pictures on this disk, and the model's probabilities of them."""
    folder, predictor, rows = tmp_path_factory.mktemp("faces"), Predictor(golden_bundle), []
    for number, jpeg in enumerate(draw_pictures()):
        (path := folder / f"{number}.jpg").write_bytes(jpeg)
        faces = predictor.predict(jpeg).faces
        if faces:
            rows.append((str(path), faces[0].probability))
    table = pd.DataFrame(rows, columns=["original", "probability"])
    return table.assign(face_index=0, frame_time=np.nan)


def test_offline_scores_pass(service, golden_bundle, faces):
    result = check_offline(service.client, read_spec(golden_bundle), faces)
    assert result.state == "passed" and result.detail.startswith(f"{len(faces)} faces")
    assert check_offline(service.client, read_spec(golden_bundle), faces, count=3).detail.startswith("3 faces")


def test_one_offline_score_that_differs_fails(service, golden_bundle, faces):
    changed = faces.copy()
    changed.loc[2, "probability"] += 0.02
    result = check_offline(service.client, read_spec(golden_bundle), changed)
    assert result.state == "failed" and f"1 of {len(faces)} faces differ: " in result.detail
    assert str(changed.loc[2, "original"]).rpartition("/")[2] in result.detail


def test_offline_leaves_out_what_no_answer_can_equal(service, golden_bundle, faces):
    spec = read_spec(golden_bundle)
    second_face = faces.iloc[[0]].assign(face_index=1, probability=0.99)
    frame = faces.iloc[[1]].assign(frame_time=0.5, probability=0.99)
    unread = faces.iloc[[2]].assign(probability=np.nan)
    result = check_offline(service.client, spec, pd.concat([faces, second_face, frame, unread]))
    assert result.state == "passed" and result.detail.startswith(f"{len(faces)} faces")


def test_offline_is_not_judged_where_nothing_can_decide(service, golden_bundle, faces):
    spec = read_spec(golden_bundle)

    def state(scores, spec=spec) -> tuple[str, str]:
        result = check_offline(service.client, spec, scores)
        assert not result.allows
        return result.state, result.detail

    gone = faces.assign(original=faces["original"] + ".gone")
    assert state(gone) == ("not judged", "no picture of a test face lies here any more")
    assert state(faces[["probability"]])[0] == "not judged"
    assert state("the scores of v1.0.0 are gone") == ("not judged", "the scores of v1.0.0 are gone")
    drawn = spec.model_copy(update={"crop": spec.crop.model_copy(update={"quality": (70, 90)})})
    assert "quality" in state(faces, drawn)[1]


def test_offline_scores_or_the_reason():
    def gone() -> pd.DataFrame:
        raise InputError("They are gone.")

    assert offline_scores(gone) == "They are gone"
