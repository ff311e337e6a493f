"""Training curves as MLflow shows them: metrics with the epoch as their step."""

from __future__ import annotations

import csv
import math
from typing import Any

from aletheia.tracking.mlflow_exporter import Exporter
from aletheia.tracking.mlflow_values import local_path, milliseconds, valid_names

#: Key of the artifact that a training logs: a CSV file with a row for each epoch.
CURVES = "curves"
_EPOCH = "epoch"
_MOST_BYTES = 5_000_000
_BATCH = 1000  # metrics that MLflow accepts in a request


def log_curves(exporter: Exporter, run_id: str, item: dict[str, Any], start: str | None) -> None:
    """Log each column of a table of epochs as a metric with steps; a file that is gone or no such table adds nothing.

    Parameters
    ----------
    exporter
        Of the run's project.
    run_id
        The copy in MLflow.
    item
        The artifact, as MLRun's API gives it.
    start
        ISO time of the run's start, from which the moments of the epochs count: the same at each export.
    """
    from mlflow.entities import Metric

    path = local_path(str((item.get("spec") or {}).get("target_path") or ""))
    if path is None or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    moment, metrics = milliseconds(start) or 0, []
    for row in rows:
        epoch = _number(row.get(_EPOCH))
        if epoch is None:
            return
        for name, text in valid_names(row).items():
            value = _number(text)
            if value is not None and name != _EPOCH:
                metrics.append(Metric(f"{_EPOCH}/{name}", value, moment + int(epoch), int(epoch)))
    for begin in range(0, len(metrics), _BATCH):
        exporter.client.log_batch(run_id, metrics[begin : begin + _BATCH])


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
