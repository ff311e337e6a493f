# Generated from notebooks/10-test-elsewhere.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["data"]'
import mlrun

from aletheia.datasets import load_dataset
from aletheia.evaluation import evaluate_model, evaluation_figures, faces_as_in_training
from aletheia.models import read_spec
from aletheia.plotting import FigureArtifact, PageArtifact
from aletheia.project import RunConfig, refuse_unknown
from aletheia.release import find_model, run_gate
from aletheia.reports import abroad_sentences, render_evaluation_report


@refuse_unknown
def test_elsewhere(context: mlrun.MLClientCtx, model: str = "", delivery_faces: int = 100, **options):
    """Measure what a model is worth on pictures from elsewhere, and how they differ from its training.

    :param context:        the MLRun context
    :param model:          a tag, a store:// URI or a folder; by default the model in production, else the newest
    :param delivery_faces: at most so many are scored in thirty other deliveries each
    :param options:        the data options of a run, and its seed
    """
    config = RunConfig.parse(options)
    found = find_model(model or None)
    data = load_dataset(config.source, one_class=True, **config.source_options())
    faces, left_out = faces_as_in_training(data, read_spec(found.folder), seed=config.seed)
    result = evaluate_model(found.folder, None, faces, delivery_faces=delivery_faces, seed=config.seed)
    report, figures = result.to_report(evaluate_run=context.uid), evaluation_figures(result)
    checks = run_gate(report)
    for key in ("group_answers", "matrix", "baselines"):
        context.log_artifact(FigureArtifact(key, figures[key]))
    context.log_artifact(PageArtifact("report", render_evaluation_report(result, figures, checks)))
    sentences = {f"line_{k:02d}": line for k, line in enumerate(abroad_sentences(report), 1)}
    passed = sum(check.passed for check in checks)
    context.log_results({**result.headline(), **sentences, "left_out": left_out, "checks_passed": passed})
