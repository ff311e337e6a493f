# Generated from notebooks/02-search-hyperparameters.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["search", "architecture", "image_size", "recipe"]'
# mlrun: config outputs='["best"]'
import json

import mlrun

from aletheia.datasets import read_faces
from aletheia.plotting import FigureArtifact
from aletheia.project import RunConfig, refuse_unknown
from aletheia.training import grid_figures, run_cell


@refuse_unknown
def search_hyperparameters(
    context: mlrun.MLClientCtx,
    train: mlrun.DataItem,
    val: mlrun.DataItem,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    trial: int | None = None,
    epochs: int = 3,
    **options,
):
    """Train one cell of the search for a few epochs and log its mean validation loss, and other measures.

    An interrupted search goes on with the cells that are not finished. With search="halving" the first cell that runs
    trains all of them, each as far as it gets, and the others report what they have come to. On a cluster (MLRun's
    parallel_runs) each cell trains by itself, on one of the workers.

    :param context:       the MLRun context
    :param train:         training faces (manifest)
    :param val:           validation faces (manifest)
    :param learning_rate: of the optimiser; a column of the search
    :param batch_size:    faces in a step; a column of the search
    :param trial:         number of the cell, where the search chooses its values (optuna); the only column then
    :param epochs:        epochs of every cell
    :param options:       the search options, architecture, image_size, recipe and seed of a run, the same everywhere,
        and the values of the other columns
    """
    columns = {"learning_rate": learning_rate, "batch_size": batch_size, "trial": trial}
    run_config, given = RunConfig.parse_cell(options, **columns)

    def configure(point):
        return run_config.train_config(**point, max_epochs=epochs)

    faces = [read_faces(part, originals=False) for part in (train, val)]
    point, result = run_cell(run_config.search_plan(), given, configure, *faces)
    if result.reason:
        context.logger.warning(f"This cell counts as infinite: {result.reason}")
    context.log_dataset("curves", df=result.history, format="csv", index=False)
    context.log_results(
        {
            **result.results,
            "diverged": int(bool(result.reason)),
            "stopped": int(result.stopped),
            "epochs": result.epochs,
            "seconds": result.seconds,
            **{f"best_{name}": value for name, value in point.items()},
            "best": json.dumps(point),
        }
    )


@refuse_unknown
def search_overview(
    context: mlrun.MLClientCtx,
    iteration_results: mlrun.DataItem,
    selector: str = "min.loss",
    pair: list | None = None,
):
    """Draw the search: heat map of two columns and parallel coordinates of all.

    :param context:           the MLRun context
    :param iteration_results: the table that MLRun writes for a grid
    :param selector:          by which result the best cell was chosen
    :param pair:              the two columns of the heat map; by default the first two that vary
    """
    cells = iteration_results.as_df()
    for key, figure in grid_figures(cells, pair, selector).items():
        context.log_artifact(FigureArtifact(key, figure))
    counts = {name: int(cells[f"output.{name}"].sum()) for name in ("diverged", "stopped", "epochs")}
    context.log_results({"cells": len(cells), **counts})
