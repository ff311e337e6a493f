"""The options of a search: what MLRun goes through, and what each of its cells is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aletheia.core.errors import InputError
from aletheia.project.option_values import split_columns
from aletheia.training.search_plan import SearchPlan
from aletheia.training.search_space import Point, Range, Space

if TYPE_CHECKING:
    from aletheia.training.config import TrainConfig

#: Fields of the recipe that are the same in every cell, beside those that do not change a loss: epochs and data.
_NO_COLUMNS = {"max_epochs", "seed", "image_size", "fault", "fault_share", "devices"}


def column_names() -> list[str]:
    """Return the fields of the recipe that can be columns of a search."""
    from aletheia.training.config import NOT_IDENTITY, TrainConfig

    return [name for name in TrainConfig.model_fields if name not in _NO_COLUMNS | NOT_IDENTITY]


def check_search(config: Any) -> None:
    """Refuse a configuration whose cells cannot be trained.

    Raises
    ------
    InputError
        For a column that the recipe does not have, or that it sets to one value; for a cell that does not fit.
    """
    able = column_names()
    for name in config.search_columns:
        if name not in able:
            raise InputError(
                f"search_columns: {name!r} cannot be a column of the search. There are: {', '.join(able)}."
            )
        if name in config.recipe:
            raise InputError(f"recipe: {name} is a column of the search; leave it out of one of them.")
    cells = config.grid()
    if config.search == "halving" and any(cell.devices > 1 for cell in cells):
        raise InputError("search: halving pauses trainings, which needs devices=1; choose exhaustive.")
    for cell in cells:
        config.train_config(learning_rate=cell.learning_rate, batch_size=cell.batch_size, fault=config.fault)


def corner_points(space: Space) -> list[Point]:
    """Return points that have every value of every column, ranges by their ends, at least once."""
    listed = {name: [v.low, v.high] if isinstance(v, Range) else v for name, v in space.items()}
    longest = max(map(len, listed.values()))
    return [{name: values[min(i, len(values) - 1)] for name, values in listed.items()} for i in range(longest)]


def search_arguments(plan: SearchPlan | None, rates: Any, sizes: Any, **parallel: Any) -> dict[str, Any]:
    """Return ``hyperparams`` and ``hyper_param_options``; without a plan, those of a grid of rates and sizes.

    `parallel` goes to the latter. Raises InputError when the cells of the search cannot be trained side by side.
    """
    from mlrun.model import HyperParamOptions

    if plan is not None and parallel:
        plan.check_parallel()
    if plan is None:
        columns, options = {"learning_rate": rates, "batch_size": sizes}, {"strategy": "grid", "selector": "min.loss"}
    else:
        columns = plan.hyperparams()
        options = {"strategy": plan.strategy.mlrun_strategy, "selector": str(plan.selector)}
    return {"hyperparams": columns, "hyper_param_options": HyperParamOptions(**options, **parallel)}


def split_cell(options: Mapping[str, Any], **cell: Any) -> tuple[dict[str, Any], Point]:
    """Tell the options of a run from the values of this cell's columns.

    Parameters
    ----------
    options : mapping
        As MLRun hands them to a cell: options of a run, and values of columns.
    cell
        Columns that have parameters of their own; None where they are not columns.

    Returns
    -------
    options, point : dict
    """
    rest = dict(options)
    names = split_columns(rest.get("search_columns") or {})
    point = {name: value for name, value in cell.items() if value is not None}
    return rest, point | {name: rest.pop(name) for name in names if name in rest}


def grid_cells(config: Any, epochs: int) -> list[TrainConfig]:
    """Return the trainings of a search that are known beforehand, of others the ends of their ranges."""
    plan = config.search_plan()
    points = plan.points() if plan.strategy.is_fixed else corner_points(plan.space)
    return [config.train_config(**point, max_epochs=epochs) for point in points]
