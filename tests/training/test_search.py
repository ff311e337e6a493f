"""Cells of a search: columns, trials chosen one after another, interruptions."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.training import grid, search
from aletheia.training.config import TrainConfig
from aletheia.training.fit import fit_network
from aletheia.training.search import run_cell
from aletheia.training.search_plan import SearchPlan

COLUMNS = {"learning_rate": ["1e-4..1e-2"], "batch_size": [16, 32]}


def configure(point) -> TrainConfig:
    return TrainConfig(**{"image_size": 48, "max_epochs": 1, "num_threads": 1, "options": {"width": 8}, **point})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path))
    return tmp_path / "checkpoints"


@pytest.fixture
def fits(monkeypatch):
    """Count the trainings; the number in ``after`` is interrupted."""
    done = {"fits": 0, "after": 0}

    def fit(*args, **kwargs):
        done["fits"] += 1
        if done["fits"] == done["after"]:
            raise KeyboardInterrupt
        return fit_network(*args, **kwargs)

    monkeypatch.setattr(grid, "fit_network", fit)
    return done


def plan(search: str, n_trials: int = 4, selector: str = "min.loss") -> SearchPlan:
    columns = COLUMNS if search != "list" else {"learning_rate": [1e-3, 3e-3], "batch_size": [16, 32]}
    return SearchPlan.of(search, columns, n_trials, 3, selector)


def go(searched: SearchPlan, data) -> list:
    """Run all cells as MLRun does, which makes fractions of whole numbers."""
    columns = searched.hyperparams()
    outcomes = []
    for values in zip(*columns.values(), strict=True):
        given = {k: float(v) if k != "trial" else v for k, v in zip(columns, values, strict=True)}
        point, result = run_cell(searched, given, configure, *data)
        outcomes.append((point, result.loss))
    return outcomes


@pytest.mark.slow
@pytest.mark.parametrize("search", ["random", "optuna"])
def test_run_cell_goes_on_after_an_interruption(discs, fits, folder, search):
    whole = go(plan(search), discs)
    assert fits["fits"] == 4 and list(folder.iterdir()) == []
    assert all(type(point["batch_size"]) is int for point, _ in whole)
    fits.update(fits=0, after=3)
    with pytest.raises(KeyboardInterrupt):
        go(plan(search), discs)
    assert go(plan(search), discs) == whole
    assert fits["fits"] == 3 + 2  # two finished, one interrupted; then that one and the last


def test_run_cell_that_killed_its_workers_is_refused(discs, monkeypatch):
    monkeypatch.setattr(search, "worker_threads", lambda: 1)
    monkeypatch.setattr(search, "workers_lost", lambda: 3)
    with pytest.raises(
        InputError, match=r"learning_rate=0\.003, batch_size=32 .*: 3 workers .* memory.*--memory-limit"
    ):
        run_cell(plan("list"), {"learning_rate": 3e-3, "batch_size": 32}, configure, *discs)


@pytest.mark.slow
def test_run_cell_on_a_worker_trains_it_by_itself(discs, folder):
    """Two of one process take turns, since they draw from the same random numbers; nothing is kept."""
    from distributed import Client, LocalCluster

    searched = plan("list")
    here = go(searched, discs)
    options = {"processes": False, "dashboard_address": None}
    with LocalCluster(n_workers=1, threads_per_worker=2, **options) as local, Client(local) as client:

        def there(searched: SearchPlan) -> list:
            cells = [
                client.submit(run_cell, searched, point, configure, *discs, pure=False)
                for point in ({"learning_rate": 1e-3, "batch_size": 16}, {"learning_rate": 3e-3, "batch_size": 32})
            ]
            return [(point, result.loss) for point, result in client.gather(cells)]

        assert there(searched) == here
        for search in ("halving", "optuna"):
            columns = {"learning_rate": [1e-3, 3e-3], "batch_size": [16, 32]}
            with pytest.raises(InputError, match=f"{search} goes by the results of other cells"):
                there(SearchPlan.of(search, columns, 4, 3, "min.loss"))
    assert list(folder.iterdir()) == []


def test_run_cell_list(discs, fits):
    outcomes = go(plan("list"), discs)
    assert [point for point, _ in outcomes] == [
        {"learning_rate": 1e-3, "batch_size": 16},
        {"learning_rate": 3e-3, "batch_size": 32},
    ]


def test_run_cell_results_are_of_the_best_epoch(discs):
    given = {"learning_rate": 1e-3, "batch_size": 16}
    _, result = run_cell(plan("list"), given, configure, *discs)
    row = min(result.rows, key=lambda row: row["val_loss"])
    assert result.results["auc"] == row["val_auc"] and result.results["loss"] == result.loss


def test_run_cell_refuses(discs):
    with pytest.raises(InputError, match="number of its trial"):
        run_cell(plan("optuna"), {"learning_rate": 1e-3}, configure, *discs)
    with pytest.raises(InputError, match="4 is not one of the 4 trials"):
        run_cell(plan("optuna"), {"trial": 4}, configure, *discs)
