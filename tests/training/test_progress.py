"""The progress bar of a training."""

from __future__ import annotations

from types import SimpleNamespace

from aletheia.training.progress import EpochBar


def test_epoch_bar_counts_from_resumed_step(capsys):
    trainer = SimpleNamespace(estimated_stepping_batches=4, global_step=2, is_global_zero=True, max_epochs=2)
    detector = SimpleNamespace(history=[{"epoch": 2, "val_loss": 0.12345, "val_auc": 0.9876}])
    bar = EpochBar()
    bar.on_train_start(trainer, detector)
    for _ in range(2):
        bar.on_train_batch_end(trainer)
    bar.on_train_epoch_end(trainer, detector)
    bar.teardown(trainer, detector, "fit")
    last_line = capsys.readouterr().err.split("\r")[-1]
    assert "4/4" in last_line and "epoch 2/2, val_loss 0.1235, val_auc 0.988" in last_line


def test_epoch_bar_silent_in_other_processes(capsys):
    trainer = SimpleNamespace(estimated_stepping_batches=4, global_step=0, is_global_zero=False, max_epochs=2)
    bar = EpochBar()
    bar.on_train_start(trainer, None)
    bar.on_train_batch_end(trainer)
    bar.teardown(trainer, None, "fit")
    bar.teardown(trainer, None, "fit")  # after an error Lightning may call it again
    assert capsys.readouterr().err == ""
