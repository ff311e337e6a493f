# Generated from notebooks/08-cross-test.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["architecture", "image_size", "recipe"]'
import mlrun
import pandas as pd

from aletheia.core import InputError
from aletheia.datasets import leave_out_rows, read_faces
from aletheia.evaluation import cell_results, leave_one_out_figure, score_everywhere
from aletheia.plotting import FigureArtifact
from aletheia.project import RunConfig, refuse_unknown
from aletheia.training import DivergedError, fit_network, parse_point


@refuse_unknown
def cross_test(
    context: mlrun.MLClientCtx,
    train: mlrun.DataItem,
    val: mlrun.DataItem,
    test: mlrun.DataItem,
    leave_out: str = "",
    learning_rate: float = 1e-3,
    batch_size: int = 16,
    epochs: int = 10,
    best: dict | None = None,
    **options,
):
    """Train without one source or generator, and test on every source and generator.

    :param context:       the MLRun context
    :param train:         training faces (manifest)
    :param val:           validation faces (manifest)
    :param test:          test faces (manifest)
    :param leave_out:     "generator=NAME", "source=NAME" or "nothing"; the column of the grid
    :param learning_rate: of the optimiser
    :param batch_size:    faces in a step
    :param epochs:        epochs of every cell, at most
    :param best:          values of the search's best cell (a dictionary, or JSON), which win over those above
    :param options:       architecture, image_size, recipe and seed of a run, the same in every cell
    """
    run_config = RunConfig.parse(options)
    values = {"learning_rate": learning_rate, "batch_size": batch_size, **parse_point(best)}
    config = run_config.train_config(**values, max_epochs=epochs)
    leave_out = leave_out or next(iter(run_config.leave_out), "nothing")
    try:
        parts = [leave_out_rows(read_faces(part, originals=False), leave_out) for part in (train, val)]
        result = fit_network(config, *parts, progress=False)
    except (DivergedError, InputError) as error:
        context.logger.warning(f"This cell counts as infinite: {error}")
        context.log_results({"loss": float("inf"), "reason": str(error)})
        return
    table = score_everywhere(result.model, config, read_faces(test, originals=False), seed=config.seed, progress=False)
    context.log_dataset("cells", df=table, format="csv", index=False)
    context.log_results({"loss": result.val_loss, "seconds": result.seconds, **cell_results(table, leave_out)})


@refuse_unknown
def cross_overview(context: mlrun.MLClientCtx, iteration_results: mlrun.DataItem):
    """Draw the matrix "trained without" × "tested on", and name the unseen kind with the lowest score.

    :param context:           the MLRun context
    :param iteration_results: the table that MLRun writes for a grid
    """
    cells = iteration_results.as_df()
    for reason in cells.get("output.reason", pd.Series(dtype=str)).dropna():
        context.logger.warning(reason)
    context.log_artifact(FigureArtifact("cross_matrix", leave_one_out_figure(cells)))
    unseen = cells.dropna(subset="output.unseen_auc") if "output.unseen_auc" in cells else cells.iloc[:0]
    context.log_result("cells", len(cells))
    if len(unseen):
        worst = unseen.loc[unseen["output.unseen_auc"].idxmin()]
        context.log_results({"worst_unseen": worst["param.leave_out"], "worst_unseen_auc": worst["output.unseen_auc"]})
