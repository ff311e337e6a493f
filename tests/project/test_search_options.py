"""The options of a search as MLRun's arguments and as those of a cell."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.project.run_config import RunConfig
from aletheia.project.search_options import corner_points, search_arguments, split_cell
from aletheia.training.search_space import parse_space


def test_search_arguments_of_placeholders():
    arguments = search_arguments(None, "rates", "sizes")
    assert arguments["hyperparams"] == {"learning_rate": "rates", "batch_size": "sizes"}


def test_search_arguments_of_a_plan():
    config = RunConfig(search="optuna", search_trials=2, search_selector="max.auc")
    arguments = config.search_arguments()
    assert arguments["hyperparams"] == {"trial": [0, 1]}
    assert arguments["hyper_param_options"].strategy == "list"
    assert arguments["hyper_param_options"].selector == "max.auc"


def test_search_arguments_of_cells_side_by_side():
    where = {"parallel_runs": 3, "dask_cluster_uri": "db://aletheia/cluster"}
    options = RunConfig().search_arguments(**where)["hyper_param_options"]
    assert (options.parallel_runs, options.dask_cluster_uri) == tuple(where.values())
    assert (options.strategy, options.selector) == ("grid", "min.loss")
    for search in ("halving", "optuna"):
        with pytest.raises(InputError, match=f"{search} goes by the results of other cells"):
            RunConfig(search=search).search_arguments(**where)


def test_split_cell():
    options = {"search_columns": ["architecture=a,b"], "architecture": "b", "seed": 1}
    rest, point = split_cell(options, learning_rate=None, trial=3)
    assert point == {"trial": 3, "architecture": "b"} and rest == {"search_columns": ["architecture=a,b"], "seed": 1}


def test_corner_points():
    points = corner_points(parse_space({"a": ["0.1..0.9"], "b": [1, 2, 3]}))
    assert points == [{"a": 0.1, "b": 1}, {"a": 0.9, "b": 2}, {"a": 0.9, "b": 3}]
