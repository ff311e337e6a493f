"""Fitting: best weights, early stopping, resume, divergence."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import aletheia.training
from aletheia.core.errors import InputError
from aletheia.models.registry import create_model
from aletheia.training.checkpoint import AtomicCheckpointIO
from aletheia.training.config import TrainConfig
from aletheia.training.epoch_metrics import HISTORY, mean_loss
from aletheia.training.fit import DivergedError, fit_network
from aletheia.training.module import initialise

FAST = {"image_size": 48, "options": {"width": 8}, "batch_size": 16, "batch_norm_images": 64}


def config(**changes) -> TrainConfig:
    return TrainConfig(**{**FAST, **changes})


def run(discs, out=None, **changes):
    keywords = {key: changes.pop(key) for key in ("resume", "on_epoch") if key in changes}
    return fit_network(config(**changes), *discs, out, progress=False, **keywords)


def weights(result):
    return result.model.state_dict()


def assert_same(first, second):
    a, b = weights(first), weights(second)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[key], b[key]) for key in a)
    pd.testing.assert_frame_equal(
        first.history.drop(columns=["seconds", "waited"]),
        second.history.drop(columns=["seconds", "waited"]),
        check_exact=True,
    )
    np.testing.assert_array_equal(first.val_logits, second.val_logits)
    assert (first.val_loss, first.best_epoch) == (second.val_loss, second.best_epoch)


def test_fit_network_keeps_best_epoch(discs, tmp_path):
    result = run(discs, tmp_path, max_epochs=6, patience=6)
    history = result.history
    assert list(history.columns) == list(HISTORY)
    assert not history.isna().any().any()
    assert history["epoch"].tolist() == list(range(1, 7))
    assert history["val_auc"].max() > 0.9
    assert result.best_epoch == history.loc[history["val_loss"].idxmin(), "epoch"]
    assert result.val_loss == history["val_loss"].min()
    # The returned model is that of this epoch.
    assert mean_loss(result.val_labels, result.val_logits, balanced=True) == pytest.approx(result.val_loss, abs=1e-6)
    assert not result.model.training
    np.testing.assert_array_equal(result.val_labels, (discs[1]["label"] == "fake").to_numpy())
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_fit_network_repeatable_without_side_effects(discs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    first = run(discs, max_epochs=2, num_threads=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    torch.manual_seed(6)
    assert_same(first, run(discs, max_epochs=2, num_threads=1))
    other = run(discs, max_epochs=2, num_threads=1, seed=1)
    assert not torch.equal(weights(first)["head.weight"], weights(other)["head.weight"])
    assert first.checkpoint is None
    assert list(tmp_path.iterdir()) == []


class _Stop(BaseException):
    """Stands for a kill between two epochs."""


def interrupt_after(epoch):
    def check(row):
        if row["epoch"] == epoch:
            raise _Stop

    return check


@pytest.mark.parametrize(
    ("optimizer", "schedule"), [("adamw", "onecycle"), ("adam", "plateau"), ("sgd", "onecycle"), ("sgd", "plateau")]
)
def test_fit_network_resume_bit_identical(discs, tmp_path, schedule, optimizer):
    changes = {
        "schedule": schedule,
        "optimizer": optimizer,
        "max_epochs": 4,
        "patience": 10,
        "plateau_patience": 0,
        "learning_rate": 0.2 if optimizer == "adamw" else 0.5,
        "augmentation": "strong",
    }
    whole = run(discs, tmp_path / "whole", **changes)
    for epoch in (1, 3):
        with pytest.raises(_Stop):
            run(discs, tmp_path / "parts", on_epoch=interrupt_after(epoch), resume=True, **changes)
        torch.manual_seed(epoch)  # whatever happened in between
    resumed = run(discs, tmp_path / "parts", resume=True, **changes)
    assert_same(whole, resumed)
    if schedule == "plateau":
        assert whole.history["learning_rate"].nunique() > 1  # the schedule's state mattered


def test_fit_network_resume_early_stopping(discs, tmp_path):
    changes = {"max_epochs": 30, "patience": 2, "learning_rate": 0.05, "schedule": "constant"}
    whole = run(discs, tmp_path / "whole", **changes)
    n = len(whole.history)
    assert n < 30
    assert n - whole.best_epoch == 2
    with pytest.raises(_Stop):
        # One epoch before the end: the count of epochs without improvement has begun.
        run(discs, tmp_path / "parts", on_epoch=interrupt_after(n - 1), **changes)
    assert_same(whole, run(discs, tmp_path / "parts", resume=True, **changes))


def test_fit_network_resume_finished(discs, tmp_path):
    for changes in (
        {"max_epochs": 2},
        {"max_epochs": 30, "patience": 1, "learning_rate": 0.05, "schedule": "constant"},
    ):
        out = tmp_path / str(len(changes))
        first = run(discs, out, **changes)
        assert_same(first, run(discs, out, resume=True, **changes))


def test_fit_network_resume_without_checkpoint(discs, tmp_path):
    assert_same(run(discs, tmp_path / "a", max_epochs=2), run(discs, tmp_path / "b", max_epochs=2, resume=True))
    with pytest.raises(InputError, match="out_dir"):
        run(discs, None, resume=True)


def test_fit_network_resume_other_training(discs, tmp_path):
    run(discs, tmp_path, max_epochs=1)
    with pytest.raises(InputError, match=r"learning_rate was 0\.003, now 0\.1"):
        run(discs, tmp_path, max_epochs=1, learning_rate=0.1, resume=True)
    with pytest.raises(InputError, match="other data"):
        run((discs[0].iloc[::-1], discs[1]), tmp_path, max_epochs=1, resume=True)
    # Without resume it is overwritten.
    assert len(run(discs, tmp_path, max_epochs=1, learning_rate=0.1).history) == 1


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "pickle"])
def test_fit_network_resume_damaged_checkpoint(discs, tmp_path, damage):
    checkpoint = run(discs, tmp_path, max_epochs=1).checkpoint
    if damage == "truncated":
        content = checkpoint.read_bytes()
        checkpoint.write_bytes(content[: len(content) // 2])
    elif damage == "pickle":
        torch.save({"state_dict": {}, "hook": Path("/")}, checkpoint)
    else:
        checkpoint.write_bytes(b"" if damage == "empty" else b"hello")
    with pytest.raises(InputError, match=r"last\.ckpt cannot be read"):
        run(discs, tmp_path, max_epochs=1, resume=True)


def test_fit_network_checkpoint_plain_types(discs, tmp_path):
    state = torch.load(run(discs, tmp_path, max_epochs=1).checkpoint, weights_only=True)
    assert state["callbacks"]["KeepBest"]["identity"]["config"]["learning_rate"] == 3e-3
    assert "pytorch-lightning_version" in state


def test_atomic_checkpoint_io_interrupted(tmp_path, monkeypatch):
    # tests/core/test_files.py does it with a real kill.
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": torch.tensor(1)}, path)

    def half(state, file):
        file.write(b"half of it")
        raise _Stop

    with monkeypatch.context() as patch, pytest.raises(_Stop):
        patch.setattr(torch, "save", half)
        AtomicCheckpointIO().save_checkpoint({"epoch": torch.tensor(2)}, path)
    assert torch.load(path, weights_only=True)["epoch"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_fit_network_keyboard_interrupt(discs, tmp_path):
    changes = {"max_epochs": 3, "patience": 9}
    whole = run(discs, tmp_path / "whole", **changes)

    def press(row):
        if row["epoch"] == 2:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)

    # A shell that starts jobs in the background lets them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(discs, tmp_path / "parts", on_epoch=press, **changes)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert_same(whole, run(discs, tmp_path / "parts", resume=True, **changes))


def test_fit_network_diverging_training(discs, tmp_path):
    with pytest.raises(DivergedError, match=r"loss is .* in epoch \d+.*learning_rate 10, batch_size 16.*[Ll]ower"):
        run(
            discs, tmp_path, learning_rate=10, optimizer="sgd", gradient_clip=0, max_epochs=20, schedule="constant",
            patience=20,
        )  # fmt: skip
    assert issubclass(DivergedError, InputError)


def test_fit_network_diverging_validation(discs, monkeypatch):
    monkeypatch.setattr("aletheia.training.module.mean_loss", lambda *_: float("nan"))
    with pytest.raises(DivergedError, match="validation loss is nan in epoch 1"):
        run(discs, max_epochs=1)


def test_fit_network_on_epoch(discs):
    rows = []
    result = run(discs, max_epochs=3, patience=9, on_epoch=rows.append)
    assert rows == result.history.to_dict("records")


def test_fit_network_in_thread(discs):
    results = []
    thread = threading.Thread(target=lambda: results.append(run(discs, max_epochs=1)))
    thread.start()
    thread.join()
    assert len(results[0].history) == 1


def test_fit_network_unreadable_rows(discs, tmp_path):
    train, val = discs[0].copy(), discs[1].copy()
    val.loc[2, "path"] = str(tmp_path / "gone.png")
    result = run((train, val), max_epochs=1)
    assert result.skipped["path"].tolist() == [str(tmp_path / "gone.png")]
    assert len(result.val_logits) == 59
    assert 2 not in result.val_rows


def test_fit_network_progress(discs, capfd):
    run(discs, max_epochs=1)
    out, err = capfd.readouterr()
    assert out == "" and err == ""
    fit_network(config(max_epochs=1), *discs, progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "Training: 100%" in err and "val_auc" in err


@pytest.mark.parametrize("augmentation", ["none", "light", "strong", "albumentations"])
def test_fit_network_augmentations(discs, augmentation):
    assert np.isfinite(run(discs, max_epochs=1, augmentation=augmentation).val_loss)


def test_fit_network_bf16_large_batch(discs):
    assert np.isfinite(run(discs, max_epochs=1, precision="bf16-mixed", batch_size=120).val_loss)


def test_diverged_error_is_public():
    assert aletheia.training.DivergedError is DivergedError


def test_fit_network_frozen_backbone(discs, tmp_path):
    """MobileNetV2: in frozen epochs only the head moves, batch-norm statistics included; afterwards everything does."""
    options = {"architecture": "mobilenet_v2", "options": {}, "image_size": 32, "batch_size": 60, "patience": 9}
    start = initialise(config(**options), (1, 1)).net.state_dict()

    def changed(result):
        return {name for name, value in weights(result).items() if not torch.equal(value, start[name])}

    frozen = changed(run(discs, **options, max_epochs=1, freeze_epochs=1))
    assert frozen == {"backbone.classifier.1.weight", "backbone.classifier.1.bias"}
    # The best epoch may be the frozen one: look at the weights that the last one left.
    run(discs, tmp_path, **options, max_epochs=2, freeze_epochs=1)
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    thawed = {name for name, value in start.items() if not torch.equal(last[f"net.{name}"], value)}
    learnt = {name for name, _ in create_model("mobilenet_v2").named_parameters()}
    assert thawed >= learnt - frozen


def test_fit_network_freeze_without_backbone(discs):
    with pytest.raises(InputError, match="no backbone"):
        run(discs, freeze_epochs=1)
