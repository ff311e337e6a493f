"""What a model answers and promises for each group, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.evaluation.abstention_groups import COLUMNS, promise_by_group
from aletheia.models.spec import AbstentionSpec, ModelSpec
from aletheia.stats.intervals import clustered_rate
from aletheia.stats.scored_set import ScoredSet

RULES = AbstentionSpec(alpha=0.1, real_upper=0.6, fake_lower=0.4)
SPEC = ModelSpec(architecture="attention_cnn", input_size=32, threshold=0.5, abstention=RULES)


@pytest.fixture
def rows():
    """20 genuine faces of each gender, those of women nearly all scored as fakes; 10 fakes of one generator."""
    frame = pd.DataFrame(
        {
            "gender": ["f"] * 20 + ["m"] * 20 + [""] * 10,
            "generator": [""] * 40 + ["swap"] * 10,
            "source": ["studio"] * 50,
        }
    )
    p = np.array([0.9] * 15 + [0.1] * 5 + [0.55] * 10 + [0.1] * 10 + [0.9] * 9 + [np.nan])
    return frame, ScoredSet(np.repeat([0, 1], [40, 10]), p)


def test_promise_by_group_counts(rows):
    frame, scored = rows
    answered = np.array([True] * 10 + [False] * 5 + [True] * 35)
    table = promise_by_group(frame, scored, answered, SPEC)
    assert tuple(table) == COLUMNS
    found = table.set_index(["column", "value", "label"])
    assert [tuple(index) for index in found.index] == [
        ("source", "studio", "real"), ("source", "studio", "fake"), ("generator", "swap", "fake"),
        ("gender", "f", "real"), ("gender", "m", "real"),
    ]  # fmt: skip
    women, men = found.loc[("gender", "f", "real")], found.loc[("gender", "m", "real")]
    assert women[["n", "answered", "error_answered", "error_all", "covered"]].tolist() == [
        20,
        0.75,
        10 / 15,
        0.75,
        0.25,
    ]
    assert men[["n", "answered", "error_answered", "error_all", "covered"]].tolist() == [20, 1.0, 0.5, 0.5, 1.0]
    assert not women["kept"] and men["kept"] and (found["promised"] == 0.9).all()
    expected = clustered_rate(np.arange(20) < 5, np.arange(20))
    assert (women["covered_low"], women["covered_high"]) == pytest.approx((expected.low, expected.high))
    assert found.loc[("generator", "swap", "fake"), "n"] == 9  # one has no score


def test_promise_by_group_leaves_few_people_out(rows):
    frame, scored = rows
    frame = frame.assign(identity=["ann"] * 20 + [f"man-{k}" for k in range(20)] + [""] * 10)
    table = promise_by_group(frame, scored, np.full(50, True), SPEC)
    assert set(table[table["column"] == "gender"]["value"]) == {"m"}


def test_promise_by_group_of_a_model_that_always_answers(rows):
    always = SPEC.model_copy(update={"abstention": None})
    assert promise_by_group(*rows, np.full(50, True), always).empty
