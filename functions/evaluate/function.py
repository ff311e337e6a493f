# Generated from notebooks/04-evaluate.ipynb by `aletheia functions build`. Edit the notebook, not this file.

import mlrun

from aletheia.evaluation import evaluate_model, evaluation_figures
from aletheia.plotting import FigureArtifact, PageArtifact
from aletheia.release import fetch_model, production_model, run_gate
from aletheia.reports import render_evaluation_report


def evaluate(
    context: mlrun.MLClientCtx,
    model: mlrun.DataItem,
    train: mlrun.DataItem,
    val: mlrun.DataItem,
    test: mlrun.DataItem,
    delivery_faces: int = 500,
    network_controls: bool = True,
    seed: int = 0,
):
    """Score the test faces and compare the score with its baselines.

    :param context:        the MLRun context
    :param model:          the model of a training run
    :param train:          training faces: the baselines learn from them, and none may be in test
    :param val:            validation faces: none may be in test either
    :param test:           test faces
    :param delivery_faces: at most so many are scored in thirty other deliveries each
    :param network_controls: train the recipe twice more, on blanked and on small crops, to compare with
    :param seed:           of baselines and bootstraps
    """
    production = production_model(project=context.project)
    options = {"delivery_faces": delivery_faces, "network_controls": network_controls, "seed": seed}
    options |= {"val": val.as_df(), "production": production}
    result = evaluate_model(fetch_model(model), train.as_df(), test.as_df(), **options)
    report = result.to_report(evaluate_run=context.uid)

    context.log_dataset("scores", df=result.scores, format="parquet", index=False, stats=False)
    figures = evaluation_figures(result)
    for key, figure in figures.items():
        context.log_artifact(FigureArtifact(key, figure))
    page = render_evaluation_report(result, figures, run_gate(report))
    context.log_artifact(PageArtifact("report", page))
    context.log_artifact("evaluation", body=report.model_dump_json(indent=1), local_path="evaluation.json")
    context.log_results(result.headline())
