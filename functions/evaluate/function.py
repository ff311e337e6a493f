# Generated from notebooks/04-evaluate.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["release"]'
# mlrun: config outputs='["evaluation"]'
import mlrun

from aletheia.datasets import log_faces, read_faces
from aletheia.evaluation import evaluate_model, evaluation_figures
from aletheia.plotting import FigureArtifact, PageArtifact
from aletheia.project import RunConfig, refuse_unknown
from aletheia.release import (
    Exceptions,
    GateLimits,
    count_tries,
    fetch_model,
    production_model,
    production_weights,
    run_gate,
)
from aletheia.reports import render_evaluation_report


@refuse_unknown
def evaluate(
    context: mlrun.MLClientCtx,
    model: mlrun.DataItem,
    train: mlrun.DataItem,
    val: mlrun.DataItem,
    test: mlrun.DataItem,
    others: mlrun.DataItem = None,
    new_faces: mlrun.DataItem = None,
    delivery_faces: int = 500,
    network_controls: bool = True,
    allow_other_crops: bool = False,
    **options,
):
    """Score the test faces and compare the score with its baselines.

    :param context:           the MLRun context
    :param model:             the model of a training run
    :param train:             training faces: the baselines learn from them, and none may be in test
    :param val:               validation faces: none may be in test either
    :param test:              test faces
    :param others:            trainings of the same recipe with other seeds, if there are any
    :param new_faces:         faces that neither it nor the model in production learnt from, if there are any
    :param delivery_faces:    at most so many are scored in thirty other deliveries each
    :param network_controls:  train the recipe twice more, on blanked and on small crops, to compare with
    :param allow_other_crops: score faces that are cut out otherwise than the model's
    :param options:           the release options of a run, and its seed (of baselines and bootstraps)
    """
    config = RunConfig.parse(options)
    rows = read_faces(test)
    result = evaluate_model(
        fetch_model(model),
        read_faces(train),
        rows,
        val=read_faces(val),
        production=production_model(project=context.project),
        others=others and others.local(),
        delivery_faces=delivery_faces,
        network_controls=network_controls,
        seed=config.seed,
        tries=count_tries(rows, project=context.project),
        new_faces=new_faces and read_faces(new_faces),
        allow_other_crops=allow_other_crops,
    )
    report = result.to_report(evaluate_run=context.uid)

    log_faces(context, "scores", result.scores)
    figures = evaluation_figures(result)
    for key, figure in figures.items():
        context.log_artifact(FigureArtifact(key, figure))
    checks = run_gate(
        report,
        GateLimits.parse(config.limits),
        exceptions=Exceptions.parse(config.accept_unjudged, config.waive),
        production_weights=production_weights(project=context.project),
    )
    page = render_evaluation_report(result, figures, checks)
    context.log_artifact(PageArtifact("report", page))
    context.log_artifact("evaluation", body=report.model_dump_json(indent=1), local_path="evaluation.json")
    context.log_results({**result.headline(), **result.origin()})
    # By these, later evaluations on the same faces count this one.
    context.log_results({"test_set": report.tries.test_set, "weights": report.weights_sha256})
