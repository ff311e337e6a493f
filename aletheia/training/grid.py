"""A grid of trainings: each cell to its end, or successive halving; an interrupted grid goes on where it was.

K. Jamieson, A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016: all
cells train for a little, the better third goes on for three times as long, and so forth. A cell that goes on continues
its own training; in the end it is the one that an exhaustive search would have trained.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel

from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.core.paths import data_folder
from aletheia.training.checkpoint import data_digest
from aletheia.training.config import NOT_IDENTITY, TrainConfig
from aletheia.training.epoch_metrics import HISTORY
from aletheia.training.fit import CHECKPOINT, DivergedError, fit_network

Search = Literal["exhaustive", "halving"]
FACTOR = 3  # of the cells of a rung, one in so many goes on
_RECORD = "cell.json"


class CellResult(BaseModel):
    """What a cell of a grid has come to.

    Attributes
    ----------
    loss : float
        Lowest mean validation loss so far, nats per sample; infinite for a cell that diverged.
    epochs : int
        Epochs that it trained.
    seconds : float
        Time that they took.
    stopped : bool
        Whether other cells beat it before its last epoch.
    reason : str
        Why it diverged; empty if it did not.
    rows : list of dict
        The history, one row an epoch.
    ended : bool
        Whether it will not train on.
    reported : bool
        Whether an iteration of the grid has taken the result.
    """

    loss: float
    epochs: int
    seconds: float
    stopped: bool = False
    reason: str = ""
    rows: list[dict[str, float]] = []
    ended: bool = False
    reported: bool = False

    @property
    def history(self) -> pd.DataFrame:
        """The history as `FitResult.history`."""
        return pd.DataFrame(self.rows, columns=list(HISTORY))


def rung_plan(n_cells: int, epochs: int) -> list[tuple[int, int]]:
    """Plan successive halving.

    Returns
    -------
    list of tuple of int
        For each rung how many cells train, and until which epoch: 18 cells of 9 epochs give (18, 1), (6, 3), (2, 9).
        With fewer epochs than rungs the last rungs are left out.
    """
    counts = [n_cells]
    while counts[-1] // FACTOR >= 1 and len(counts) < epochs:
        counts.append(counts[-1] // FACTOR)
    last = len(counts) - 1
    return [(count, max(k + 1, round(epochs / FACTOR ** (last - k)))) for k, count in enumerate(counts)]


def search_cell(
    config: TrainConfig, cells: Sequence[TrainConfig], train: pd.DataFrame, val: pd.DataFrame, search: Search
) -> CellResult:
    """Return the result of one cell of a grid, trained now unless it was before.

    Finished and interrupted cells are kept below the data folder until every cell has been asked for: the same grid,
    started again after an interruption, trains only what is missing. With halving, the first cell that is asked for
    trains all of them.

    Parameters
    ----------
    config : TrainConfig
        The cell; one of ``cells``.
    cells : sequence of TrainConfig
        All cells of the grid, in its order.
    train, val : DataFrame
        Manifests.
    search : str
        ``"exhaustive"`` or ``"halving"``.

    Raises
    ------
    InputError
        With halving, for a cell that is none of the grid's; for unusable data.
    """
    if config not in cells:
        if search == "halving":
            raise InputError(
                f"search: halving compares the cells of the options learning_rates and batch_sizes, and (learning_rate "
                f"{config.learning_rate:g}, batch_size {config.batch_size}) is not one of them; give the grid the same."
            )
        cells = [config]  # a grid of other values, by MLRun's own means
    grid = _Grid(cells, train, val, search)
    with grid.lock():
        if search == "halving":
            grid.halve()
        else:
            grid.advance(config, config.max_epochs)
        return grid.report(config)


class _Grid:
    """The folder of a grid: one folder a cell, with its checkpoint while it trains and its result."""

    def __init__(self, cells: Sequence[TrainConfig], train: pd.DataFrame, val: pd.DataFrame, search: Search) -> None:
        self.train, self.val, self.search = train, val, search
        texts = [config.model_dump_json(exclude=NOT_IDENTITY) for config in cells]
        digest = hashlib.sha256("\n".join([search, data_digest(train, val), *texts]).encode()).hexdigest()
        self.folder = data_folder() / "checkpoints" / f"grid-{digest[:20]}"
        self.cells = {self._cell_folder(config): config for config in cells}

    def _cell_folder(self, config: TrainConfig) -> Path:
        text = config.model_dump_json(exclude=NOT_IDENTITY)
        return self.folder / hashlib.sha256(text.encode()).hexdigest()[:20]

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Let one process at a time train all cells; with an exhaustive search each trains its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.search != "halving":
            yield
            return
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def halve(self) -> None:
        """Train all cells by successive halving, as far as that has not been done."""
        racing, losses = list(self.cells), dict[Path, float]()
        for count, until in rung_plan(len(self.cells), max(config.max_epochs for config in self.cells.values())):
            # Of equal losses the first cell of the grid goes on.
            kept = sorted(racing, key=lambda folder: losses.get(folder, 0.0))[:count]
            for folder in racing:
                if folder not in kept:
                    self._stop(folder)
            losses = {folder: self._loss_at(folder, until) for folder in kept}
            racing = [folder for folder in racing if folder in losses]

    def advance(self, config: TrainConfig, until: int) -> CellResult:
        """Train a cell to the end of an epoch, unless it was already."""
        folder = self._cell_folder(config)
        before = _read(folder)
        if before is not None and (before.ended or before.epochs >= until):
            return before
        seconds, rows = (before.seconds, before.rows) if before else (0.0, [])
        try:
            pause = until if until < config.max_epochs else None
            fitted = fit_network(config, self.train, self.val, folder, resume=True, progress=False, until=pause)
        except DivergedError as error:
            result = CellResult(
                loss=math.inf, epochs=len(rows) + 1, seconds=seconds, reason=str(error), rows=rows, ended=True
            )
        else:
            rows = fitted.history.to_dict("records")
            result = CellResult(
                loss=fitted.val_loss,
                epochs=len(rows),
                seconds=seconds + fitted.seconds,
                rows=rows,
                ended=until >= config.max_epochs or len(rows) < until,
            )
        _write(folder, result)
        return result

    def report(self, config: TrainConfig) -> CellResult:
        """Return the result of a cell; when those of all cells have been returned, forget them."""
        folder = self._cell_folder(config)
        result = _result(folder)
        _write(folder, result.model_copy(update={"reported": True}))
        if all((other := _read(cell)) is not None and other.reported for cell in self.cells):
            shutil.rmtree(self.folder, ignore_errors=True)
        return result

    def _loss_at(self, folder: Path, until: int) -> float:
        """Return the lowest loss of a cell up to an epoch, whether or not it has trained on since."""
        result = self.advance(self.cells[folder], until)
        if result.reason and len(result.rows) < until:
            return math.inf
        return min(row["val_loss"] for row in result.rows[:until])

    def _stop(self, folder: Path) -> None:
        result = _result(folder)
        if not result.ended:
            _write(folder, result.model_copy(update={"stopped": True, "ended": True}))


def _read(folder: Path) -> CellResult | None:
    try:
        return CellResult(**json.loads((folder / _RECORD).read_text()))
    except (OSError, ValueError):
        return None


def _result(folder: Path) -> CellResult:
    result = _read(folder)
    if result is None:
        raise InputError(f"The results of the grid in {folder.parent} were removed while it ran; start it again.")
    return result


def _write(folder: Path, result: CellResult) -> None:
    """Keep a result; the checkpoint of a cell that will not train on goes, its weights are of no further use."""
    with replacing(folder / _RECORD) as file:
        file.write(json.dumps(result.model_dump()).encode())  # which, unlike pydantic, writes infinity
    if result.ended:
        (folder / CHECKPOINT).unlink(missing_ok=True)
