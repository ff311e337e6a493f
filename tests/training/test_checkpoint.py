"""Checkpoint files and their folder."""

from __future__ import annotations

import errno
import io
import os

import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.models.inspect import inspect_model
from aletheia.training.checkpoint import AtomicCheckpointIO, checkpoint_folder
from aletheia.training.config import TrainConfig
from aletheia.training.fit import fit_network


@pytest.fixture(autouse=True)
def _data(tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path / "data"))


def test_checkpoint_folder_identity(discs, tmp_path):
    train, val = discs
    config = TrainConfig(max_epochs=3)
    folder = checkpoint_folder(config, train, val)
    assert folder.parent == tmp_path / "data" / "checkpoints"
    assert checkpoint_folder(TrainConfig(max_epochs=3, num_threads=1), train.copy(), val.copy()) == folder
    fitted_afterwards = {"calibration": "isotonic", "max_fpr": 0.01, "abstention_alpha": None}
    assert checkpoint_folder(TrainConfig(max_epochs=3, **fitted_afterwards), train, val) == folder
    other_folders = {
        checkpoint_folder(TrainConfig(max_epochs=4), train, val),
        checkpoint_folder(TrainConfig(max_epochs=3, seed=1), train, val),
        checkpoint_folder(config, train.iloc[::-1], val),
        checkpoint_folder(config, train, val.iloc[1:]),
        checkpoint_folder(config, val, train),
        checkpoint_folder(config, train.assign(gender="x"), val),
    }
    assert len(other_folders | {folder}) == 7


def test_read_checkpoint_allows_other_calibration(discs, tmp_path):
    config = TrainConfig(image_size=48, options={"width": 8}, max_epochs=1)
    first = fit_network(config, *discs, tmp_path, progress=False)
    # As in a checkpoint from before these fields existed.
    saved = torch.load(first.checkpoint, weights_only=True)["callbacks"]["KeepBest"]["identity"]["config"]
    assert not {"calibration", "max_fpr", "abstention_alpha"} & set(saved)
    later = TrainConfig.parse(config, calibration="isotonic", max_fpr=0.1, abstention_alpha=0.3)
    second = fit_network(later, *discs, tmp_path, resume=True, progress=False)
    assert (second.val_logits == first.val_logits).all() and second.config == later
    with pytest.raises(InputError, match="weight_decay"):
        fit_network(TrainConfig.parse(config, weight_decay=0.5), *discs, tmp_path, resume=True, progress=False)


class AlmostFull(io.FileIO):
    """A file on a disk with room for a few more kilobytes."""

    room = 10_000

    def write(self, data) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def test_atomic_checkpoint_io_disk_full(tmp_path, monkeypatch):
    former = tmp_path / "last.ckpt"
    former.write_bytes(b"the former one")
    monkeypatch.setattr("os.fdopen", AlmostFull)
    with pytest.raises(InputError, match="The disk is full"):
        AtomicCheckpointIO().save_checkpoint({"weights": torch.zeros(10_000)}, former)
    assert former.read_bytes() == b"the former one"
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_inspect_model_of_checkpoint(discs, tmp_path):
    config = TrainConfig(image_size=48, options={"width": 8}, max_epochs=2)
    path = fit_network(config, *discs, tmp_path, progress=False).checkpoint
    inspection = inspect_model(path)
    assert (inspection.kind, inspection.architecture) == ("training checkpoint", "attention_cnn")
    assert not inspection.recognised
    assert inspection.details["epochs"] == 2
    assert inspection.details["training"]["learning_rate"] == config.learning_rate
    assert len(inspection.data_hash) == 64
