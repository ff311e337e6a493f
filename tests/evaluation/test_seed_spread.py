"""Trainings with other seeds on the same test rows."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from aletheia.core.errors import InputError
from aletheia.evaluation.seed_spread import TrainingSpread, training_spread
from aletheia.models.bundle import load_bundle
from aletheia.models.scoring import score_manifest
from aletheia.training.config import TrainConfig
from aletheia.training.seeds import save_others


@pytest.fixture
def setting(brightness_bundle, crops, tmp_path):
    """Network, specification, test rows, and a file with a training that answers the other way round."""
    network, spec = load_bundle(brightness_bundle)
    opposite = copy.deepcopy(network)
    opposite.head.weight.data.neg_()
    result = SimpleNamespace(model=opposite, val_loss=0.9, config=TrainConfig(seed=7))
    return network, spec, crops[1], save_others(tmp_path / "others.safetensors", [result], released=None)


def test_training_spread(setting):
    network, spec, test, others = setting
    scores = score_manifest(network, spec, test, progress=False).probabilities
    before = {name: value.clone() for name, value in network.state_dict().items()}
    spread = training_spread(network, spec, others, test, scores, progress=False)
    assert spread.seeds == (spec.seed, 7) and spread.val_losses[1] == 0.9
    auc = roc_auc_score(test["label"] == "fake", scores)
    assert spread.aucs == pytest.approx((auc, 1 - auc), abs=1e-6)
    assert spread.deviation == pytest.approx(np.std([auc, 1 - auc], ddof=1), abs=1e-6)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_training_spread_of_another_network(setting):
    network, spec, test, others = setting
    other = SimpleNamespace(model=torch.nn.Linear(1, 1), val_loss=1.0, config=TrainConfig(seed=1))
    save_others(others, [other], released=None)
    with pytest.raises(InputError, match="another network than attention_cnn"):
        training_spread(network, spec, others, test, np.zeros(len(test)), progress=False)


def test_text():
    text = TrainingSpread((3, 4, 5), (0.2, 0.1, 0.3), (0.9, 0.95, 0.85)).text()
    assert "3 trainings" in text and "0.850 to 0.950, standard deviation 0.050" in text and "(seed 3), 0.900" in text
