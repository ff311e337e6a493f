# Generated from notebooks/09-compare-runs.ipynb by `aletheia functions build`. Edit the notebook, not this file.

import mlrun

from aletheia.plotting import FigureArtifact, PageArtifact
from aletheia.project import (
    compare_experiments,
    comparison_sentences,
    experiments_figure,
    find_experiment,
    list_experiments,
    refuse_unknown,
    render_comparison,
)


@refuse_unknown
def compare_runs(context: mlrun.MLClientCtx, first: str = "", second: str = ""):
    """Show what differs between two runs of the workflow, and whether one of their models is better.

    :param context: the MLRun context
    :param first:   first digits of a run, or the name of an experiment; by default the newest run but one
    :param second:  the same; by default the newest run
    """
    known = list_experiments(context.project)
    context.log_artifact(FigureArtifact("runs", experiments_figure(known)))
    if len(known) < 2:
        context.log_result("verdict", "There are fewer than two runs of the workflow: aletheia run makes one.")
        return
    chosen = [find_experiment(known, word or default.uid) for word, default in ((first, known[1]), (second, known[0]))]
    result = compare_experiments(*chosen, context.project)
    context.log_artifact(PageArtifact("comparison", render_comparison(result, known)))
    sentences = " ".join(comparison_sentences(result))
    results = {"first": result.first.uid, "second": result.second.uid, "verdict": sentences}
    if result.scores is not None:
        results["difference"] = result.scores.difference.value
    context.log_results(results)
