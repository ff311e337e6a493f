"""``aletheia monitor --applications``: the watch over a log by applications of MLRun's model monitoring."""

from __future__ import annotations

import json
import time
from pathlib import Path

import typer


def judge_by_applications(log: Path | None, last: float, reference: float, *, spacing: float, as_json: bool) -> bool:
    """Run the applications on the last seconds of a log, against those before; returns whether any detected something.

    Parameters
    ----------
    log : path, optional
        The prediction log; default: that of `aletheia serve`.
    last, reference : float
        Seconds that are judged, and seconds before them that they are compared with.
    spacing : float
        Seconds between two answers that are compared, at least.
    as_json : bool
        Whether the results are printed as JSON.
    """
    from mlrun.common.schemas.model_monitoring.constants import ResultStatusApp

    from aletheia.lifecycle.monitoring.applications import ChangeApplication, evaluate_applications
    from aletheia.lifecycle.prediction_log.place import default_log
    from aletheia.lifecycle.prediction_log.reading import read_log
    from aletheia.project.workspace import open_project

    log, now = log or default_log(), time.time()
    rows, before = read_log(log, now - last, now), read_log(log, now - last - reference, now - last)
    open_project()
    runs = evaluate_applications(rows, before, arguments={ChangeApplication.__name__: {"spacing": spacing}})
    results = {name: run.output("return") for name, run in runs.items()}
    found = False
    for name, run in runs.items():
        if not as_json:
            typer.echo(f"{name} (run {run.uid()})")
        for result in results[name]:
            if "result_name" not in result:
                continue
            status = ResultStatusApp(result["result_status"])
            found |= status == ResultStatusApp.detected
            if not as_json:
                typer.echo(f"  {result['result_name']}: {result['result_value']:.3g}, {status.name.replace('_', ' ')}")
    if as_json:
        print(
            json.dumps({name: {"run": runs[name].uid(), "results": part} for name, part in results.items()}, indent=2)
        )
    return bool(found)
