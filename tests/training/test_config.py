"""The training configuration."""

from __future__ import annotations

import json

import pytest

from aletheia.core.errors import InputError
from aletheia.training.config import TrainConfig


def test_train_config_round_trip():
    config = TrainConfig()
    assert TrainConfig(**json.loads(config.model_dump_json())) == config
    assert TrainConfig.parse(config) == config
    assert TrainConfig.parse({"batch_size": 8}, learning_rate=0.1).batch_size == 8


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", 0),
        ("learning_rate", -1e-3),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", "fast"),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("batch_size", None),
        ("max_epochs", 0),
        ("patience", 0),
        ("image_size", 8),
        ("image_size", 100_000),
        ("optimizer", "lion"),
        ("schedule", "random"),
        ("class_weight", "heavy"),
        ("augmentation", "extreme"),
        ("weight_decay", -1),
        ("gradient_clip", -1),
        ("seed", -1),
        ("calibration", "beta"),
        ("max_fpr", 1.5),
        ("max_fpr", -0.1),
        ("abstention_alpha", 0),
        ("abstention_alpha", 1),
        ("num_threads", -1),
        ("architecture", "resnet9000"),
        ("lerning_rate", 1e-3),
    ],
)
def test_train_config_names_invalid_field(field, value):
    with pytest.raises(InputError, match=field):
        TrainConfig(**{field: value})
    with pytest.raises(InputError, match=field):
        TrainConfig.parse(TrainConfig(), **{field: value})


def test_train_config_names_every_invalid_field():
    with pytest.raises(InputError, match=r"(?s)learning_rate.*batch_size.*surprise"):
        TrainConfig(learning_rate=-1, batch_size=0, surprise=1)
