"""Two gloo processes train what one does: spawned here, and started by torchrun."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from aletheia.core.errors import InputError
from aletheia.models import registry
from aletheia.models.bundle import load_bundle
from aletheia.models.registry import register_network
from aletheia.training.config import TrainConfig
from aletheia.training.data import EpochBatches
from aletheia.training.distributed import error_of_process, trainer_options
from aletheia.training.fit import DivergedError, fit_network, input_error_of_process

from ..waiting import free_port

FAST = {"image_size": 48, "batch_size": 16, "augmentation": "none", "accelerator": "cpu", "num_threads": 1}


def plain() -> nn.Module:
    """Build a network without batch norm and dropout: gradients of two halves average to those of the whole."""
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Linear(108, 16), nn.Tanh(), nn.Linear(16, 1), nn.Flatten(0)
    )


@pytest.fixture(autouse=True, scope="module")
def _plain():
    register_network("plain_for_test")(plain)
    yield
    registry._REGISTRY.unregister("plain_for_test")


def test_epoch_batches_shared_by_processes():
    whole = list(EpochBatches(50, 16, seed=3))
    halves = [list(EpochBatches(50, 16, seed=3, rank=rank, world=2)) for rank in (0, 1)]
    for (_, rows), (first_seed, first), (second_seed, second) in zip(whole, *halves, strict=True):
        assert sorted(first + second) == sorted(rows)
        assert len(first) == len(second) == 8
        assert first_seed != second_seed  # they augment differently
    validation = [row for rank in (0, 1) for _, rows in EpochBatches(7, 4, rank=rank, world=2) for row in rows]
    assert sorted(validation) == list(range(7))


@pytest.mark.parametrize(("batch", "world"), [(16, 2), (12, 3), (16, 4)])
def test_epoch_batches_balanced_in_every_process(batch, world):
    classes = np.r_[np.zeros(20), np.ones(60)]
    for rank in range(world):
        for _, rows in EpochBatches(80, batch, seed=1, classes=classes, rank=rank, world=world):
            assert len(rows) == batch // world
            assert classes[rows].sum() == len(rows) / 2


@pytest.mark.slow
def test_fit_network_two_processes_equal_one(discs, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)  # as in a notebook
    rows = []
    results = []
    for devices in (1, 2):
        config = TrainConfig(architecture="plain_for_test", max_epochs=3, devices=devices, **FAST)
        results.append(fit_network(config, *discs, tmp_path / str(devices), progress=False, on_epoch=rows.append))
    single, double = results
    for a, b in zip(single.model.parameters(), double.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    columns = ["epoch", "train_loss", "val_loss", "val_auc", "learning_rate"]
    pd.testing.assert_frame_equal(single.history[columns], double.history[columns], atol=1e-5)
    np.testing.assert_allclose(single.val_logits, double.val_logits, atol=1e-4)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 1, 2, 3]
    # With batch norm each process sees the statistics of its half: not the same, but as good.
    config = TrainConfig(options={"width": 8}, max_epochs=4, devices=2, batch_norm_images=64, **FAST)
    assert fit_network(config, *discs, progress=False).history["val_auc"].max() > 0.95


@pytest.mark.slow
def test_fit_network_diverged_process(discs):
    config = TrainConfig(
        architecture="plain_for_test",
        learning_rate=10,
        optimizer="sgd",
        gradient_clip=0,
        devices=2,
        max_epochs=50,
        patience=50,
        schedule="constant",
        weight_decay=10,
        **FAST,
    )
    with pytest.raises(DivergedError, match="The training diverged"):
        fit_network(config, *discs, progress=False)


def test_trainer_options_indivisible_batch(monkeypatch):
    with pytest.raises(InputError, match="16 cannot be shared evenly by 3 processes"):
        TrainConfig(architecture="plain_for_test", devices=3, **FAST)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "5")
    with pytest.raises(InputError, match="16 cannot be shared evenly by 5 processes"):
        trainer_options(TrainConfig(architecture="plain_for_test", **FAST))


def died(line: str) -> RuntimeError:
    """The error of torch's launcher when a process died with this last line."""
    return RuntimeError(f"\n\n-- Process 1 terminated with the following error:\nTraceback\n  File\n{line}\n\n")


def test_error_of_process_last_line():
    assert error_of_process(died("ValueError: no")) == "ValueError: no"
    assert error_of_process(RuntimeError()) == "RuntimeError"


@pytest.mark.parametrize(
    ("line", "error_type"),
    [
        ("aletheia.training.module.DivergedError: the loss: nan", DivergedError),
        ("aletheia.core.errors.InputError: the loss: nan", InputError),
        ("ValueError: the loss: nan", type(None)),
        ("a.package.with.InputError: the loss: nan", type(None)),
    ],
)
def test_input_error_of_process_type(line, error_type):
    error = input_error_of_process(died(line))
    assert type(error) is error_type
    assert error is None or str(error) == "the loss: nan"


SCRIPT = """
import json, os, sys
import pandas as pd
from aletheia.training.fit import fit_network

train, val = (pd.read_csv(name, keep_default_na=False) for name in sys.argv[1:3])
out, config, last = sys.argv[3], json.loads(sys.argv[4]), int(sys.argv[5])


def on_epoch(row):
    if row["epoch"] == last:
        os._exit(1)


result = fit_network(config, train, val, out, resume=True, progress=False, on_epoch=on_epoch)
print(json.dumps({"rank": os.environ["RANK"], "loss": result.val_loss, "logits": result.val_logits.tolist()}))
"""


@pytest.mark.slow
def test_documented_script_as_pytorchjob(discs, tmp_path):
    """The script of docs/scaling.md in two "pods", each with the variables of a PyTorchJob, equals one process."""
    page = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text()
    (script,) = (text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "fit_network" in text)
    config = {"architecture": "plain", "max_epochs": 2, **FAST}
    documented = "TrainConfig(learning_rate=1e-3, max_epochs=20)"
    assert script.count(documented) == 1
    script = script.replace(documented, f"TrainConfig(**{config})")
    network = f"from torch import nn\nfrom aletheia.models.registry import register_network\n{inspect.getsource(plain)}"
    (tmp_path / "train_faces.py").write_text(f"{network}\nregister_network('plain')(plain)\n{script}")
    for name, frame in zip(("train", "val"), discs, strict=True):
        frame.to_parquet(tmp_path / f"{name}.parquet", index=False)
    job = {"PET_NNODES": "2", "PET_NPROC_PER_NODE": "1", "PET_MASTER_ADDR": "127.0.0.1"}
    job["PET_MASTER_PORT"] = str(free_port())
    command = [sys.executable, "-m", "torch.distributed.run", "train_faces.py", "train.parquet", "val.parquet"]
    pods = []
    for rank in ("0", "1"):
        (tmp_path / rank).mkdir()
        variables = {**os.environ, **job, "PET_NODE_RANK": rank, "PYTHONPATH": str(Path.cwd())}
        with (tmp_path / rank / "log").open("w") as log:
            pods.append(subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=log, stderr=log))
    try:
        codes = [pod.wait(timeout=200) for pod in pods]
    finally:
        for pod in pods:
            pod.kill()
    assert codes == [0, 0], [(tmp_path / rank / "log").read_text()[-2000:] for rank in ("0", "1")]
    register_network("plain")(plain)
    try:
        weights = load_bundle(tmp_path / "model")[0].state_dict()
        expected = fit_network(config, *discs, progress=False).model.state_dict()
    finally:
        registry._REGISTRY.unregister("plain")
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, atol=1e-5, rtol=1e-4)


def test_trainer_options_refuses_bare_mpirun(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    config = TrainConfig(architecture="plain_for_test", **FAST)
    with pytest.raises(InputError, match="Let it start torchrun"):
        trainer_options(config)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")  # torchrun within mpirun
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    assert trainer_options(config)["num_nodes"] == 2


@pytest.mark.slow
def test_fit_network_resumes_under_torchrun(discs, tmp_path):
    for name, frame in zip(("train", "val"), discs, strict=True):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "script.py").write_text(SCRIPT)
    config = {"options": {"width": 8}, "max_epochs": 3, **FAST}
    arguments = [str(tmp_path / name) for name in ("script.py", "train.csv", "val.csv", "out")]

    def torchrun(last: int) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
        command += ["--master-port", str(free_port())]
        command += [*arguments, json.dumps(config), str(last)]
        return subprocess.run(command, capture_output=True, text=True, timeout=200)

    assert torchrun(last=2).returncode != 0
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["last.ckpt"]
    process = torchrun(last=0)
    assert process.returncode == 0, process.stderr[-3000:]
    parts = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
    assert {part["rank"] for part in parts} == {"0", "1"}
    spawned = fit_network({**config, "devices": 2}, *discs, progress=False)
    for part in parts:
        assert part["loss"] == pytest.approx(spawned.val_loss, abs=1e-6)
        np.testing.assert_allclose(part["logits"], spawned.val_logits, atol=1e-4)
