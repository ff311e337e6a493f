"""Champion against challenger: who loses is refused, whoever gains is accepted; the numbers by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from aletheia.lifecycle.retraining.figures import judgement_figure
from aletheia.lifecycle.retraining.judgement import judge_challenger, refusals
from aletheia.models.bundle import load_bundle, save_bundle
from aletheia.stats.estimate import Estimate

NAMES = ("v1.0.0", "v1.0.1")


def nothing(value: float) -> Estimate:
    return Estimate(value)


def within(value: float, half: float) -> Estimate:
    return Estimate(value, value - half, value + half)


@pytest.mark.parametrize(
    ("frozen", "new", "words"),
    [
        (within(0.01, 0.05), None, ""),
        (within(0.0, 0.05), within(0.1, 0.2), ""),
        (within(-0.01, 0.05), within(0.1, 0.2), ""),  # a little less on one, more on the other
        (nothing(0.05), nothing(-0.01), ""),
        (
            within(-0.03, 0.2),
            within(0.3, 0.1),
            "on the frozen test set it has lost 0.030 AUC (interval -0.230 to 0.170)",
        ),
        (within(-0.01, 0.005), within(0.3, 0.1), "on the frozen test set it has lost 0.010 AUC"),  # little, but surely
        (within(0.1, 0.05), nothing(-0.04), "on the new faces it has lost 0.040 of right verdicts, of too few groups"),
        (within(0.0, 0.01), within(0.0, 0.01), "better than v1.0.0 neither on the test set nor on new faces"),
        (within(-0.01, 0.05), None, "better than v1.0.0 neither"),
    ],
)
def test_refusals(frozen, new, words):
    found = refusals(frozen, new, NAMES)
    assert bool(found) == bool(words)
    assert not words or words in found[0]


@pytest.fixture(scope="module")
def negated(brightness_bundle, tmp_path_factory):
    """The same network with its answers turned round."""
    network, spec = load_bundle(brightness_bundle)
    with torch.no_grad():
        network.head.weight.neg_()
        network.head.bias.neg_()
    folder = tmp_path_factory.mktemp("negated")
    save_bundle(folder, network, spec)
    return folder


@pytest.fixture(scope="module")
def rows(crops):
    """Test faces and new ones; fakes are the brighter ones."""
    test, new = (
        table.assign(sha256=[f"{name}{i}" for i in range(len(table))], face_index=0)
        for name, table in zip("tn", crops[::-1], strict=True)
    )
    return test, new


def test_worse_is_refused_and_better_accepted(brightness_bundle, negated, rows):
    test, new = rows
    worse = judge_challenger(brightness_bundle, negated, test, new, names=NAMES, progress=False)
    assert not worse.accepted and len(worse.refusals) == 2
    better = judge_challenger(negated, brightness_bundle, test, new, names=NAMES, progress=False)
    assert better.accepted and better.sentences()[-1] == "v1.0.1 is accepted."
    assert better.frozen.difference.value == pytest.approx(-worse.frozen.difference.value)
    assert (better.new.mended, better.new.broken) == (worse.new.broken, worse.new.mended)
    results = better.results()
    assert results["accepted"] is True and results["refusals"] == []
    assert results["new_difference"] == pytest.approx((better.new.mended - better.new.broken) / len(new))


def test_numbers_are_those_of_the_scores(brightness_bundle, negated, rows):
    """Scores by hand: the mean brightness of a crop, of which this network's logit is a monotone function."""
    import cv2

    test, new = rows
    light = np.array([cv2.imread(path).mean() for path in test["path"]])
    found = judge_challenger(negated, brightness_bundle, test, new.iloc[:0], names=NAMES, progress=False)
    assert found.frozen.second_auc == pytest.approx(roc_auc_score(test["label"] == "fake", light), abs=0.01)
    assert found.new is None and "what it is worth on new ones is not known" in found.sentences()[1]
    assert "new_faces" not in found.results()


def test_same_model_is_no_better(brightness_bundle, rows):
    same = judge_challenger(brightness_bundle, brightness_bundle, *rows, names=NAMES, progress=False)
    assert not same.accepted and same.new.difference.value == 0.0


def test_new_faces_of_one_class(brightness_bundle, negated, rows):
    test, new = rows
    fakes = new[new["label"] == "fake"]
    found = judge_challenger(negated, brightness_bundle, test, fakes, names=NAMES, progress=False)
    assert found.new.n == len(fakes) and found.accepted


def test_figure(brightness_bundle, negated, rows):
    judgement = judge_challenger(negated, brightness_bundle, *rows, names=NAMES, progress=False)
    figure = judgement_figure(judgement)
    assert figure.layout.title.text.startswith("v1.0.1 against v1.0.0: accepted")
    assert [trace.x[0] for trace in figure.data] == [
        judgement.frozen.difference.value,
        judgement.new.difference.value,
    ]
    without = judgement_figure(judge_challenger(brightness_bundle, negated, rows[0], pd.DataFrame(), progress=False))
    assert len(without.data) == 1 and "refused" in without.layout.title.text
