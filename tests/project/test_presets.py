"""Named recipes: which options win, and that each of them can run."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.project.presets import PRESETS
from aletheia.project.run_config import RunConfig


@pytest.mark.parametrize("name", PRESETS)
def test_presets_fit(name):
    config = RunConfig.parse({"preset": name}).check()
    for option, value in PRESETS[name].options.items():
        assert getattr(config, option) == value
    assert RunConfig.parse(config.params()) == config  # as a step gets it
    assert PRESETS[name].sentence in RunConfig.describe("preset")


def test_preset_layers():
    """Of the options beside and above a preset each one wins, of the recipe each key; those below do not."""
    below, named = {"image_size": 32, "epochs": 7}, {"preset": "photographs", "recipe": ["abstention_wrong=0.1"]}
    config = RunConfig.parse(below, named, {"source_folds": 2})
    assert (config.image_size, config.epochs, config.source_folds) == (224, 7, 2)
    assert config.recipe == {"weights": "package", "features": "frozen", "abstention_wrong": "0.1"}
    assert config.train_config(learning_rate=1e-3, batch_size=16).abstention_wrong == 0.1
    assert {cell.weight_decay for cell in config.grid()} == {3e-3, 3e-2, 3e-1}
    other = RunConfig.parse(named, {"preset": "own-sources"})
    assert other.architecture == "attention_cnn" and "features" not in other.recipe
    with pytest.raises(InputError, match="no preset 'photograph'; there are photographs, own-sources"):
        RunConfig.parse({"preset": "photograph"})
