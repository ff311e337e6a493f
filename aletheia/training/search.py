"""The cells of a search: a point of each, trained now or before an interruption."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from aletheia.core.dask_cluster import worker_threads, workers_lost
from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.core.wording import counted
from aletheia.training.config import NOT_IDENTITY, TrainConfig
from aletheia.training.grid import (
    CellResult,
    Grid,
    cell_folder,
    grid_folder,
    read_result,
    search_cell,
    train_cell,
)
from aletheia.training.search_plan import SearchPlan
from aletheia.training.search_space import Point

_POINTS = "points.json"
#: The trainings of one process draw from the same random numbers, and share the threads of torch.
_ONE_AT_A_TIME = threading.Lock()


def run_cell(
    plan: SearchPlan,
    given: Mapping[str, Any],
    configure: Callable[[Point], TrainConfig],
    train: pd.DataFrame,
    val: pd.DataFrame,
) -> tuple[Point, CellResult]:
    """Return the point and the result of one cell of a search.

    On the worker of a Dask cluster (MLRun's ``parallel_runs``) the cell is trained by itself, with as many CPU threads
    as the worker has, if the recipe does not say how many, and nothing is kept there.

    Parameters
    ----------
    plan : SearchPlan
    given : mapping
        What MLRun hands to this cell: a value of each column, or the number of the ``trial``.
    configure : callable
        Builds the training of a point.
    train, val : DataFrame
        Manifests.

    Raises
    ------
    InputError
        As :func:`search_cell` and :func:`search_trial`; on a worker, for a strategy whose cells depend on each other,
        and for a cell that has killed as many workers as Dask forgives.
    """
    threads = worker_threads()
    if threads is not None:
        plan.check_parallel()
        _check_workers(given)
    if not plan.strategy.is_fixed:
        if "trial" not in given:
            raise InputError(f"search: a cell of {plan.strategy.name} is asked for by the number of its trial.")
        return search_trial(int(given["trial"]), plan, configure, train, val)
    point = {name: value for name, value in given.items() if name != "trial"}
    config = configure(point)
    if threads is not None:
        with _ONE_AT_A_TIME:
            alone = config.model_copy(update={"num_threads": config.num_threads or threads})
            result = train_cell(alone, train, val)
    else:
        cells = [configure(cell) for cell in plan.points()]
        result = search_cell(config, cells, train, val, plan.strategy.name)
    # As the training takes them: MLRun makes fractions of the whole numbers in a list.
    return {name: getattr(config, name) for name in point}, result


def _check_workers(given: Mapping[str, Any]) -> None:
    if lost := workers_lost():
        cell = ", ".join(
            f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in given.items()
        )
        raise InputError(
            f"The cell {cell} is not trained: {counted(lost, 'worker')} of the Dask cluster died over it, most often "
            "for lack of memory; what their nannies and the system wrote says it (dask worker's output, dmesg). Give "
            "the workers more (--memory-limit), or the search smaller batches or images, or leave the cell out."
        )


def search_trial(
    number: int,
    plan: SearchPlan,
    configure: Callable[[Point], TrainConfig],
    train: pd.DataFrame,
    val: pd.DataFrame,
) -> tuple[Point, CellResult]:
    """Return the point and the result of one cell of a search that chooses each by the results of those before.

    Points and results are kept below the data folder until every trial has been asked for: an interrupted search
    goes on at the trial that was interrupted, and chooses what it would have chosen.

    Parameters
    ----------
    number : int
        The trial, 0 to ``plan.n_trials`` - 1.
    plan, configure, train, val
        As :func:`run_cell`.

    Raises
    ------
    InputError
        For a number that is none of the plan's; for unusable data.
    """
    if not 0 <= number < plan.n_trials:
        raise InputError(f"trial: {number} is not one of the {plan.n_trials} trials, which are counted from 0.")
    base = configure({}).model_dump_json(exclude=NOT_IDENTITY)
    folder = grid_folder([plan.text(), base], train, val)
    with Grid(folder, [], train, val).lock():
        points: list[Point] = json.loads((folder / _POINTS).read_text()) if (folder / _POINTS).exists() else []
        while len(points) <= number:
            known = [read_result(cell_folder(folder, configure(point))) for point in points]
            finished = [
                (point, plan.selector.cost(result.results))
                for point, result in zip(points, known, strict=True)
                if result is not None and result.ended
            ]
            points.append(plan.strategy.suggest(plan.space, finished, plan.seed + len(points) - len(finished)))
        with replacing(folder / _POINTS) as file:
            file.write(json.dumps(points).encode())
    config = configure(points[number])
    grid = Grid(folder, [configure(point) for point in points], train, val)
    grid.advance(config, config.max_epochs)
    return points[number], grid.report(config, is_last=number == plan.n_trials - 1)
