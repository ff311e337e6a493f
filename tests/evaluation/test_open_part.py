"""What an evaluation may score: nothing that the data of the model's training keep sealed."""

from __future__ import annotations

import hashlib
import shutil

import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.sealed import sealed_hashes
from aletheia.evaluation.evaluate import evaluate_model
from aletheia.evaluation.open_part import open_part
from aletheia.models.spec import read_spec, write_spec
from aletheia.models.training_profile import TrainingProfile, write_profile
from aletheia.release.model_card import reuse_note


def _profile(sealed):
    levels = {"format": (), "chroma": ()}
    return TrainingProfile(faces=1, groups=1, levels=levels, sealed=sealed_hashes(sealed))


@pytest.fixture
def keeper(brightness_bundle, crops, tmp_path):
    """The model of a training whose sealed part are the first 30 test rows."""
    folder = shutil.copytree(brightness_bundle, tmp_path / "keeper")
    payload = write_profile(folder, _profile(crops[1].iloc[:30]))
    spec = read_spec(folder).model_copy(update={"profile": hashlib.sha256(payload).hexdigest()})
    write_spec(folder, spec)
    return folder


def test_open_part_knows_the_pictures_that_its_model_keeps_sealed(keeper, brightness_bundle, crops):
    rows, number = open_part(keeper, crops[1])
    assert number == 30 and rows["path"].tolist() == crops[1]["path"].tolist()[30:]
    assert open_part(brightness_bundle, crops[1]) == (crops[1], 0)  # it keeps none
    assert open_part(keeper / "model.json", crops[1])[1] == 30
    with pytest.raises(InputError, match=r"30 faces are all .* register alone scores"):
        open_part(keeper, crops[1].iloc[:30])


@pytest.mark.slow
def test_evaluate_model_scores_no_sealed_row(keeper, crops):
    rows = crops[1].copy()
    rows["split"] = ["test"] * 50 + ["sealed"] * 10 + ["test"] * 60
    evaluation = evaluate_model(keeper, None, rows, delivery_faces=4, progress=False)
    left = [*range(30, 50), *range(60, 120)]
    assert evaluation.scores["path"].tolist() == rows["path"].iloc[left].tolist()
    report = evaluation.to_report()
    assert report.n_sealed == 40
    assert reuse_note(report).startswith("40 sealed faces were left out, which register alone scores.")
    with pytest.raises(InputError, match="register alone scores"):
        evaluate_model(keeper, None, rows.iloc[:30], progress=False)
