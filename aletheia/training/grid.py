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

import pandas as pd
from pydantic import BaseModel

from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.core.paths import data_folder
from aletheia.training.checkpoint import data_digest
from aletheia.training.config import NOT_IDENTITY, TrainConfig
from aletheia.training.epoch_metrics import HISTORY
from aletheia.training.fit import DivergedError, fit_network
from aletheia.training.fit_result import CHECKPOINT
from aletheia.training.search_plan import SELECTABLE

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
    def results(self) -> dict[str, float]:
        """The loss, and the validation measures of its epoch; those of a cell that diverged are not known."""
        if self.reason or not self.rows:
            return {"loss": self.loss}
        best = min(self.rows, key=lambda row: row["val_loss"])
        return {name: best[f"val_{name}"] for name in SELECTABLE} | {"loss": self.loss}

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
    config: TrainConfig, cells: Sequence[TrainConfig], train: pd.DataFrame, val: pd.DataFrame, search: str
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
        Name of a strategy that knows its cells beforehand.

    Raises
    ------
    InputError
        With halving, for a cell that is none of the grid's; for unusable data.
    """
    if config not in cells:
        if search == "halving":
            raise InputError(
                f"search: halving compares the cells of learning_rates and batch_sizes, but learning_rate "
                f"{config.learning_rate:g}, batch_size {config.batch_size} is none of them; give the grid the same."
            )
        cells = [config]  # a grid of other values, by MLRun's own means
    texts = [search, *(config.model_dump_json(exclude=NOT_IDENTITY) for config in cells)]
    grid = Grid(grid_folder(texts, train, val), cells, train, val)
    with grid.lock() if search == "halving" else contextlib.nullcontext():
        if search == "halving":
            grid.halve()
        else:
            grid.advance(config, config.max_epochs)
        return grid.report(config)


def grid_folder(texts: Sequence[str], train: pd.DataFrame, val: pd.DataFrame) -> Path:
    """Name the folder of a search; the first text is its strategy."""
    digest = hashlib.sha256("\n".join([texts[0], data_digest(train, val), *texts[1:]]).encode()).hexdigest()
    return data_folder() / "checkpoints" / f"grid-{digest[:20]}"


def cell_folder(folder: Path, config: TrainConfig) -> Path:
    """Name the folder of a cell."""
    text = config.model_dump_json(exclude=NOT_IDENTITY)
    return folder / hashlib.sha256(text.encode()).hexdigest()[:20]


class Grid:
    """The folder of a grid: one folder a cell, with its checkpoint while it trains and its result."""

    def __init__(self, folder: Path, cells: Sequence[TrainConfig], train: pd.DataFrame, val: pd.DataFrame) -> None:
        self.folder, self.train, self.val = folder, train, val
        self.cells = {cell_folder(folder, config): config for config in cells}

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Let one process at a time go on."""
        self.folder.mkdir(parents=True, exist_ok=True)
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
        folder = cell_folder(self.folder, config)
        before = read_result(folder)
        if before is not None and (before.ended or before.epochs >= until):
            return before
        pause = until if until < config.max_epochs else None
        result = train_cell(config, self.train, self.val, folder, before=before, until=pause)
        _write(folder, result)
        return result

    def report(self, config: TrainConfig, *, is_last: bool = True) -> CellResult:
        """Return the result of a cell; forget them all when those of all cells were returned and no other follows."""
        folder = cell_folder(self.folder, config)
        result = _result(folder)
        _write(folder, result.model_copy(update={"reported": True}))
        if is_last and all((other := read_result(cell)) is not None and other.reported for cell in self.cells):
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


def train_cell(
    config: TrainConfig,
    train: pd.DataFrame,
    val: pd.DataFrame,
    folder: Path | None = None,
    *,
    before: CellResult | None = None,
    until: int | None = None,
) -> CellResult:
    """Train a cell by itself.

    Parameters
    ----------
    config : TrainConfig
        The cell.
    train, val : DataFrame
        Manifests.
    folder : Path, optional
        Where its checkpoint is, or will be; without one nothing is kept.
    before : CellResult, optional
        What it has come to so far.
    until : int, optional
        Pause after this epoch; by default it trains to its end.

    Raises
    ------
    InputError
        For unusable data.
    """
    seconds, rows = (before.seconds, before.rows) if before else (0.0, [])
    try:
        is_kept = folder is not None
        fitted = fit_network(config, train, val, folder, resume=is_kept, progress=False, until=until)
    except DivergedError as error:
        return CellResult(
            loss=math.inf, epochs=len(rows) + 1, seconds=seconds, reason=str(error), rows=rows, ended=True
        )
    rows = fitted.history.to_dict("records")
    return CellResult(
        loss=fitted.val_loss,
        epochs=len(rows),
        seconds=seconds + fitted.seconds,
        rows=rows,
        ended=until is None or len(rows) < until,
    )


def read_result(folder: Path) -> CellResult | None:
    """Read what a cell has come to so far, if anything is known."""
    try:
        return CellResult(**json.loads((folder / _RECORD).read_text()))
    except (OSError, ValueError):
        return None


def _result(folder: Path) -> CellResult:
    result = read_result(folder)
    if result is None:
        raise InputError(f"The results of the grid in {folder.parent} were removed while it ran; start it again.")
    return result


def _write(folder: Path, result: CellResult) -> None:
    """Keep a result; the checkpoint of a cell that will not train on goes, its weights are of no further use."""
    with replacing(folder / _RECORD) as file:
        file.write(json.dumps(result.model_dump()).encode())  # which, unlike pydantic, writes infinity
    if result.ended:
        (folder / CHECKPOINT).unlink(missing_ok=True)
