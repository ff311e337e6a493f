"""Records of how test faces differ from the training."""

from __future__ import annotations

import pytest

from aletheia.release.training_records import NamesRecord, ShiftRecord, TrainingRecord


@pytest.mark.parametrize(
    ("distance", "chance", "differs"),
    [(0.5, 0.1, True), (0.15, 0.1, False), (0.5, 0.6, False), (float("nan"), 0, False)],
)
def test_shift_differs_beyond_chance_and_a_little(distance, chance, differs):
    assert ShiftRecord(key="a", name="a", family="a", distance=distance, chance=chance).differs is differs


def test_training_record_novelty_needs_both_names():
    names = [
        NamesRecord(column="source", known=["a"], unknown=["b"]),
        NamesRecord(column="generator", known=["x"], unknown=["y"]),
    ]
    record = TrainingRecord(faces=1, names=names)
    assert record.novelty("a", "x") == "source and generator were in training"
    assert record.novelty("a", "y") == "generator unknown to the model"
    assert record.novelty("(unknown)", "x") == ""
    assert TrainingRecord.model_validate(record.model_dump(mode="json")) == record
