# Generated from notebooks/07-cross-test.ipynb by `aletheia functions build`. Edit the notebook, not this file.

import mlrun
import pandas as pd
from mlrun.artifacts import PlotlyArtifact

from aletheia.core.errors import InputError
from aletheia.evaluation import cell_results, leave_one_out_figure, leave_out, score_everywhere
from aletheia.training.config import TrainConfig
from aletheia.training.fit import DivergedError, fit


def cross_test(
    context: mlrun.MLClientCtx,
    train: mlrun.DataItem,
    val: mlrun.DataItem,
    test: mlrun.DataItem,
    held_out: str = "nothing",
    learning_rate: float = 1e-3,
    batch_size: int = 16,
    architecture: str = "attention_cnn",
    image_size: int = 96,
    epochs: int = 10,
    recipe: dict | None = None,
    seed: int = 0,
):
    """Train without one source or generator, and test on every source and generator.

    :param context:       the MLRun context
    :param train:         training faces (manifest)
    :param val:           validation faces (manifest)
    :param test:          test faces (manifest)
    :param held_out:      "generator=NAME", "source=NAME" or "nothing"; the column of the grid
    :param learning_rate: of the optimiser
    :param batch_size:    faces in a step
    :param architecture:  a name of the registry of networks
    :param image_size:    side of the faces as the network sees them, pixels
    :param epochs:        epochs of every cell, at most
    :param recipe:        anything else of TrainConfig
    :param seed:          the same for every cell
    """
    config = TrainConfig.parse(
        recipe,
        architecture=architecture,
        learning_rate=learning_rate,
        batch_size=batch_size,
        image_size=image_size,
        max_epochs=epochs,
        seed=seed,
    )
    try:
        result = fit(config, leave_out(train.as_df(), held_out), leave_out(val.as_df(), held_out), progress=False)
    except (DivergedError, InputError) as error:
        context.logger.warning(f"This cell counts as infinite: {error}")
        context.log_results({"loss": float("inf"), "reason": str(error)})
        return
    table = score_everywhere(result.model, config, test.as_df(), seed=seed, progress=False)
    context.log_dataset("cells", df=table, format="csv", index=False)
    context.log_results({"loss": result.val_loss, "seconds": result.seconds, **cell_results(table, held_out)})


def cross_overview(context: mlrun.MLClientCtx, iteration_results: mlrun.DataItem):
    """Draw trained without × tested on, and name the worst of what was never seen.

    :param context:           the MLRun context
    :param iteration_results: the table that MLRun writes for a grid
    """
    cells = iteration_results.as_df()
    for reason in cells.get("output.reason", pd.Series(dtype=str)).dropna():
        context.logger.warning(reason)
    context.log_artifact(PlotlyArtifact(key="cross_matrix", figure=leave_one_out_figure(cells)))
    unseen = cells.dropna(subset="output.unseen_auc") if "output.unseen_auc" in cells else cells.iloc[:0]
    context.log_result("cells", len(cells))
    if len(unseen):
        worst = unseen.loc[unseen["output.unseen_auc"].idxmin()]
        context.log_results({"worst_unseen": worst["param.held_out"], "worst_unseen_auc": worst["output.unseen_auc"]})
