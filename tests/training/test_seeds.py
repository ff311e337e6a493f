"""The same recipe with several seeds."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from aletheia.core.errors import InputError
from aletheia.training.config import TrainConfig
from aletheia.training.seeds import fit_seeds, load_others, median_training, save_others


def trainings(*losses: float) -> list[SimpleNamespace]:
    """Trainings with these validation losses, each with one weight: the number of its seed."""
    made = []
    for seed, loss in enumerate(losses):
        network = torch.nn.Linear(1, 1, bias=False)
        network.weight.data.fill_(seed)
        made.append(SimpleNamespace(val_loss=loss, model=network, config=TrainConfig(seed=seed)))
    return made


def test_fit_seeds_trains_each_seed(discs, tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path))
    config = TrainConfig(image_size=32, options={"width": 4}, max_epochs=1, batch_size=16, seed=5)
    results = fit_seeds(config, *discs, seeds=2, progress=False)
    assert [result.config.seed for result in results] == [5, 6]
    assert len({result.val_loss for result in results}) == 2
    assert results[0].checkpoint.exists() and results[0].checkpoint != results[1].checkpoint
    monkeypatch.setattr("aletheia.training.fit._run", lambda *_: pytest.fail("both trainings were finished"))
    assert [one.val_loss for one in fit_seeds(config, *discs, seeds=2, progress=False)] == [
        one.val_loss for one in results
    ]


@pytest.mark.parametrize("count", [0, 21])
def test_fit_seeds_refuses(count):
    with pytest.raises(InputError, match=f"seeds is {count}"):
        fit_seeds(TrainConfig(), None, None, seeds=count)


@pytest.mark.parametrize(("losses", "seed"), [((0.3,), 0), ((0.1, 0.5, 0.3), 2), ((0.1, 0.5, 0.3, 0.4), 2)])
def test_median_training(losses, seed):
    assert median_training(trainings(*losses)).config.seed == seed


def test_save_others_leaves_out_the_released(tmp_path):
    results = trainings(0.1, 0.5, 0.3)
    others = load_others(save_others(tmp_path / "others.safetensors", results, results[2]))
    assert [(other.seed, other.val_loss, other.weights["weight"].item()) for other in others] == [
        (0, 0.1, 0.0),
        (1, 0.5, 1.0),
    ]


def test_load_others_refuses_other_files(tmp_path):
    file = tmp_path / "a.safetensors"
    save_file({"0/weight": torch.zeros(1)}, file)
    with pytest.raises(InputError, match="does not hold the trainings"):
        load_others(file)
    file.write_bytes(b"no tensors")
    with pytest.raises(InputError, match="does not hold the trainings"):
        load_others(file)
