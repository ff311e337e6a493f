# Generated from notebooks/12-monitor.ipynb by `aletheia functions build`. Edit the notebook, not this file.

import time

import mlrun

from aletheia.lifecycle import (
    find_drift,
    hourly,
    monitor_figures,
    monitor_findings,
    read_log,
    render_monitor_report,
    sample_log,
    summarise_traffic,
)
from aletheia.plotting import FigureArtifact, PageArtifact
from aletheia.project import refuse_unknown
from aletheia.stats.change_detection import REFERENCE


@refuse_unknown
def monitor(context: mlrun.MLClientCtx, log: str = "", days: float = 30, every: str = "6h", seed: int = 0):
    """Look at what a service answered, and whether that changes; the report is an artifact.

    :param context: the MLRun context
    :param log:     prediction log of aletheia serve; by default a month with known incidents is drawn
    :param days:    before now that are looked at
    :param every:   length of an interval in the plots, as in 1h or 6h
    :param seed:    of the drawn month
    """
    now = time.time()
    rows = read_log(log, now - days * 86_400) if log else sample_log(now, seed=seed)
    versions, hours = summarise_traffic(rows), hourly(rows, every)
    drifts, compared = find_drift(rows)
    page = render_monitor_report(versions, hours, drifts, compared, reference=REFERENCE)
    context.log_artifact(PageArtifact("report", page))
    for key, figure in zip(("verdicts", "times", "errors"), monitor_figures(hours, drifts), strict=True):
        context.log_artifact(FigureArtifact(key, figure))
    context.log_dataset("intervals", df=hours.reset_index(), format="csv")
    sentences = " ".join(sentence for sentence, _ in monitor_findings(versions, drifts, compared, REFERENCE))
    context.log_results({"requests": len(rows), "changes": len(drifts), "verdict": sentences})
    if drifts:
        first = drifts[0]
        context.log_results({"version": first.version, "column": first.column, "since": first.since})
