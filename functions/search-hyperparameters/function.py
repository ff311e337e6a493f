# Generated from notebooks/02-search-hyperparameters.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["architecture", "image_size", "recipe"]'
import mlrun

from aletheia.plotting import FigureArtifact
from aletheia.project import RunConfig
from aletheia.training import DivergedError, fit_network, grid_figures


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

    :param context:       the MLRun context
    :param train:         training faces (manifest)
    :param val:           validation faces (manifest)
    :param learning_rate: of the optimiser; a column of the grid
    :param batch_size:    faces in a step; a column of the grid
    :param epochs:        epochs of every cell
    :param options:       architecture, image_size, recipe and seed of a run, the same in every cell
    """
    values = {"learning_rate": learning_rate, "batch_size": batch_size, "max_epochs": epochs}
    config = RunConfig.parse(options).train_config(**values)
    loss, seconds = float("inf"), 0.0
    try:
        result = fit_network(config, train.as_df(), val.as_df(), progress=False)
        loss, seconds = result.val_loss, result.seconds
        context.log_dataset("curves", df=result.history, format="csv", index=False)
    except DivergedError as error:
        context.logger.warning(f"This cell counts as infinite: {error}")
    context.log_results(
        {
            "loss": loss,
            "diverged": int(loss == float("inf")),
            "seconds": seconds,
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
    context.log_results({"cells": len(cells), "diverged": int(cells["output.diverged"].sum())})
