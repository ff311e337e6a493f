"""Counts, times and verdicts of a span of a prediction log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from aletheia.inference.errors import STATUS
from aletheia.lifecycle.monitoring.estimated_accuracy import estimate_accuracy, turning_rate
from aletheia.stats.intervals import wilson

#: Kinds of errors that are the service's, not the caller's.
FAULTS = ("internal", *(kind for kind, status in STATUS.items() if status >= 500))
#: Kinds that say that the service had more to do than it can.
OVERLOAD = ("busy",)
_PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def summarise_traffic(log: pd.DataFrame) -> list[dict[str, Any]]:
    """Summarise the answers and errors of each version.

    Parameters
    ----------
    log : DataFrame
        See `aletheia.lifecycle.prediction_log.reading.read_log`.

    Returns
    -------
    list of dict
        In order of first appearance: ``version``, ``release`` (as registered, or empty), ``uri``, ``first`` and
        ``last`` (ISO 8601, UTC), ``answers``,
        ``answers_per_hour`` (over the span from first to last), ``latency_ms`` (``p50``, ``p95``, ``p99``; None without
        an answer), ``errors`` by kind, ``fault_rate`` (of answers and faults, with its 95 % interval), ``verdicts`` and
        ``causes`` (counts), ``abstention_rate`` (of answers with a face, with its interval), ``turning_rate`` and
        ``estimated_accuracy`` (see `aletheia.lifecycle.monitoring.estimated_accuracy`), ``mean_probability``.
    """
    return [_summary(str(version), rows) for version, rows in log.groupby("version", sort=False)]


def hourly(log: pd.DataFrame, every: str = "1h") -> pd.DataFrame:
    """Count and time the answers of each interval.

    Parameters
    ----------
    log : DataFrame
        As `summarise_traffic`.
    every : str
        Length of an interval, as pandas writes it.

    Returns
    -------
    DataFrame
        Indexed by the beginning of the interval, intervals without traffic included: ``answers``, ``errors``,
        ``faults``, ``p50`` and ``p95`` (ms), ``real``, ``fake``, ``cannot tell`` and ``no face found`` (counts).
    """
    frame = log.assign(
        answers=log["error"].eq(""),
        errors=log["error"].ne(""),
        faults=log["error"].isin(FAULTS),
        **{verdict: log["verdict"].eq(verdict) for verdict in VERDICTS},
    )
    counted = ["answers", "errors", "faults", *VERDICTS]
    groups = frame.set_index("time").resample(every)
    table = groups[counted].sum().astype(int)
    times = groups["ms_total"]
    return table.assign(p50=times.quantile(0.5), p95=times.quantile(0.95))


#: Of pictures and videos, in the order in which they are shown.
VERDICTS = ("real", "fake", "cannot tell", "no face found")


def _summary(version: str, rows: pd.DataFrame) -> dict[str, Any]:
    answers, errors = rows[rows["error"] == ""], rows[rows["error"] != ""]
    faults = int(errors["error"].isin(FAULTS).sum())
    with_face = answers[answers["faces"] > 0]
    abstained = int(with_face["verdict"].eq("cannot tell").sum())
    hours = (rows["time"].iloc[-1] - rows["time"].iloc[0]).total_seconds() / 3600
    return {
        "version": version,
        "release": str(rows["release"].iloc[-1]),
        "uri": str(rows["uri"].iloc[-1]),
        "first": rows["time"].iloc[0].isoformat(),
        "last": rows["time"].iloc[-1].isoformat(),
        "answers": len(answers),
        "answers_per_hour": len(answers) / hours if hours else None,
        "latency_ms": {name: _quantile(answers["ms_total"], q) for name, q in _PERCENTILES.items()},
        "errors": {str(kind): int(count) for kind, count in errors["error"].value_counts().items()},
        "fault_rate": rate_with_interval(faults, len(answers) + faults),
        "verdicts": {verdict: int(answers["verdict"].eq(verdict).sum()) for verdict in VERDICTS},
        "causes": {str(k): int(n) for k, n in answers.loc[answers["cause"] != "", "cause"].value_counts().items()},
        "abstention_rate": rate_with_interval(abstained, len(with_face)),
        "turning_rate": turning_rate(rows),
        "estimated_accuracy": estimate_accuracy(rows),
        "mean_probability": float(with_face["probability"].mean()) if len(with_face) else None,
    }


def version_name(summary: Mapping[str, Any]) -> str:
    """Return a version as people call it: the release, with the beginning of the weights' hash."""
    return f"{summary['release']} ({summary['version']})" if summary["release"] else str(summary["version"])


def _quantile(values: pd.Series, share: float) -> float | None:
    known = values.dropna()
    return float(known.quantile(share)) if len(known) else None


def rate_with_interval(hits: int, of: int) -> dict[str, float | int] | None:
    """Return a share with its 95 % interval (Wilson) and its base: value, low, high, n; None of nothing."""
    if not of:
        return None
    low, high = wilson(hits, of)
    return {"value": hits / of, "low": low, "high": high, "n": of}
