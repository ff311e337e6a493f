# Generated from notebooks/02-search-hyperparameters.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["search", "architecture", "image_size", "recipe"]'
import mlrun

from aletheia.plotting import FigureArtifact
from aletheia.project import RunConfig
from aletheia.training import grid_figures, search_cell


def search_hyperparameters(
    context: mlrun.MLClientCtx,
    train: mlrun.DataItem,
    val: mlrun.DataItem,
    learning_rate: float,
    batch_size: int,
    epochs: int = 3,
    **options,
):
    """Train one cell of the grid for a few epochs and log its mean validation loss.

    An interrupted grid goes on with the cells that are not finished. With search="halving" the first cell that runs
    trains all of them, each as far as it gets, and the others report what they have come to.

    :param context:       the MLRun context
    :param train:         training faces (manifest)
    :param val:           validation faces (manifest)
    :param learning_rate: of the optimiser; a column of the grid
    :param batch_size:    faces in a step; a column of the grid
    :param epochs:        epochs of every cell
    :param options:       the search options, architecture, image_size, recipe and seed of a run, the same in every cell
    """
    run_config = RunConfig.parse(options)
    values = {"learning_rate": learning_rate, "batch_size": batch_size, "max_epochs": epochs}
    config, cells = run_config.train_config(**values), run_config.grid(epochs)
    result = search_cell(config, cells, train.as_df(), val.as_df(), run_config.search)
    if result.reason:
        context.logger.warning(f"This cell counts as infinite: {result.reason}")
    context.log_dataset("curves", df=result.history, format="csv", index=False)
    context.log_results(
        {
            "loss": result.loss,
            "diverged": int(bool(result.reason)),
            "stopped": int(result.stopped),
            "epochs": result.epochs,
            "seconds": result.seconds,
            "best_learning_rate": learning_rate,
            "best_batch_size": batch_size,
        }
    )


def search_overview(context: mlrun.MLClientCtx, iteration_results: mlrun.DataItem):
    """Draw the grid: heat map and parallel coordinates of the validation loss.

    :param context:           the MLRun context
    :param iteration_results: the table that MLRun writes for a grid
    """
    cells = iteration_results.as_df()
    for key, figure in grid_figures(cells).items():
        context.log_artifact(FigureArtifact(key, figure))
    counts = {name: int(cells[f"output.{name}"].sum()) for name in ("diverged", "stopped", "epochs")}
    context.log_results({"cells": len(cells), **counts})
