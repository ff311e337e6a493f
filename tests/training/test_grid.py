"""Grids: every cell to its end or successive halving, pausing, interruptions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.training import grid
from aletheia.training.config import TrainConfig
from aletheia.training.fit import fit_network
from aletheia.training.grid import rung_plan, search_cell

EPOCHS = 3


def cells(rates=(1e-4, 1e-2, 3e-3), sizes=(16, 32), **changes) -> list[TrainConfig]:
    common = {"image_size": 48, "max_epochs": EPOCHS, "num_threads": 1, "options": {"width": 8}, **changes}
    return [TrainConfig(learning_rate=r, batch_size=s, **common) for r, s in itertools.product(rates, sizes)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path))
    return tmp_path / "checkpoints"


@pytest.fixture
def trained(monkeypatch):
    """Count the epochs of each fit."""
    epochs = []

    def counted(config, *args, **kwargs):
        return fit_network(config, *args, on_epoch=lambda row: epochs.append(int(row["epoch"])), **kwargs)

    monkeypatch.setattr(grid, "fit_network", counted)
    return epochs


@pytest.mark.parametrize(
    ("n_cells", "epochs", "plan"),
    [
        (18, 9, [(18, 1), (6, 3), (2, 9)]),
        (18, 3, [(18, 1), (6, 2), (2, 3)]),
        (18, 2, [(18, 1), (6, 2)]),
        (18, 1, [(18, 1)]),
        (1, 5, [(1, 5)]),
        (2, 5, [(2, 5)]),
        (4, 20, [(4, 7), (1, 20)]),
        (81, 81, [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)]),
    ],
)
def test_rung_plan(n_cells, epochs, plan):
    assert rung_plan(n_cells, epochs) == plan


@pytest.mark.parametrize("schedule", ["onecycle", "plateau"])
def test_fit_network_paused_and_resumed_is_bit_for_bit_the_same(discs, tmp_path, schedule):
    config = cells(schedule=schedule, plateau_patience=0)[2]
    whole = fit_network(config, *discs, tmp_path / "whole", progress=False)
    for until in (1, 2):
        paused = fit_network(config, *discs, tmp_path / "parts", resume=True, progress=False, until=until)
        assert len(paused.history) == until
        torch.manual_seed(until)  # whatever happens in between
    again = fit_network(config, *discs, tmp_path / "parts", resume=True, progress=False, until=2)  # nothing to do
    assert again.val_loss == paused.val_loss
    resumed = fit_network(config, *discs, tmp_path / "parts", resume=True, progress=False)
    a, b = whole.model.state_dict(), resumed.model.state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)
    drop = ["seconds", "waited"]
    pd.testing.assert_frame_equal(
        whole.history.drop(columns=drop), resumed.history.drop(columns=drop), check_exact=True
    )
    np.testing.assert_array_equal(whole.val_logits, resumed.val_logits)


def test_fit_network_pauses_only_with_a_checkpoint(discs):
    with pytest.raises(InputError, match="until"):
        fit_network(cells()[0], *discs, progress=False, until=1)


@pytest.mark.slow
def test_search_cell_halving_keeps_the_better_third(discs, folder, trained):
    """Against the exhaustive search: the same losses epoch by epoch, those of beaten cells up to where they lost."""
    whole = [search_cell(config, cells(), *discs, "exhaustive") for config in cells()]
    assert len(trained) == 6 * EPOCHS and not any(result.stopped for result in whole)
    del trained[:]
    halved = [search_cell(config, cells(), *discs, "halving") for config in cells()]
    assert rung_plan(6, EPOCHS) == [(6, 1), (2, 3)]
    assert len(trained) == 6 + 2 * (EPOCHS - 1)
    first = [result.rows[0]["val_loss"] for result in whole]
    best_two = sorted(np.argsort(first, kind="stable")[:2])
    for index, (full, short) in enumerate(zip(whole, halved, strict=True)):
        assert short.stopped == (index not in best_two)
        assert short.epochs == (EPOCHS if index in best_two else 1)
        losses = [row["val_loss"] for row in full.rows][: short.epochs]
        assert [row["val_loss"] for row in short.rows] == losses
        assert short.loss == min(losses)
    assert min(halved, key=lambda result: result.loss).stopped is False
    assert list(folder.iterdir()) == []  # nothing is left of a grid whose cells were all asked for


@pytest.mark.slow
@pytest.mark.parametrize("search", ["exhaustive", "halving"])
def test_search_cell_goes_on_after_an_interruption(discs, trained, monkeypatch, search):
    three, after = cells(sizes=(16,)), 2
    expected = [search_cell(config, three, *discs, search) for config in three]
    n_epochs = len(trained)
    del trained[:]
    whole = grid.fit_network

    def interrupted(config, *args, **kwargs):
        if len(trained) >= after:
            raise KeyboardInterrupt
        return whole(config, *args, **kwargs)

    monkeypatch.setattr(grid, "fit_network", interrupted)
    with pytest.raises(KeyboardInterrupt):
        for config in three:
            search_cell(config, three, *discs, search)
    assert after <= len(trained) < n_epochs
    monkeypatch.setattr(grid, "fit_network", whole)
    results = [search_cell(config, three, *discs, search) for config in three]
    assert len(trained) == n_epochs  # what was trained before is not trained again
    same = {"loss", "epochs", "stopped"}
    assert [r.model_dump(include=same) for r in results] == [r.model_dump(include=same) for r in expected]


def test_search_cell_diverged(discs):
    grid_cells = cells(rates=(1e-3, 10.0), sizes=(16,), gradient_clip=0.0, optimizer="sgd", schedule="constant")
    results = [search_cell(config, grid_cells, *discs, "halving") for config in grid_cells]
    if not results[1].reason:
        pytest.skip("the network took a learning rate of 10")
    assert results[1].loss == math.inf and "diverged" in results[1].reason
    assert not results[1].stopped and results[0].loss < 1


def test_search_cell_of_another_grid(discs):
    other = cells(rates=(5e-3,), sizes=(16,))[0]
    with pytest.raises(InputError, match="learning_rates and batch_sizes"):
        search_cell(other, cells(), *discs, "halving")
    assert search_cell(other, cells(), *discs, "exhaustive").epochs == EPOCHS
