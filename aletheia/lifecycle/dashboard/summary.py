"""What the dashboard says, as plain values: the JSON that it serves, and what its page is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.lifecycle.dashboard.drift_tracker import DriftTracker
from aletheia.lifecycle.dashboard.period import Period
from aletheia.lifecycle.dashboard.rows import Rows
from aletheia.lifecycle.dashboard.series import Placed, count_texts, divide, place_rows
from aletheia.lifecycle.monitoring.drift import GROUPS, column_words
from aletheia.lifecycle.monitoring.estimated_accuracy import estimate_accuracy
from aletheia.lifecycle.monitoring.traffic import FAULTS, VERDICTS, rate_with_interval, version_name
from aletheia.lifecycle.prediction_log.entry import STATISTICS

#: Versions that are shown by themselves: those with the most requests of the period.
MAX_VERSIONS = 6
#: Seconds that "now" lasts.
NOW_SECONDS = 300.0
#: Answers of which the model's own expectation is computed, at most: an estimate of shares is exact enough by then.
MAX_ESTIMATED = 20_000
#: Columns whose mean is shown over time.
SHOWN_STATISTICS = ("megapixels", *STATISTICS)
_COUNTED = ("verdict", "cause", "error", "faces", "ms_total", "probability")
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def summarise(rows: Rows, period: Period, now: float) -> dict[str, Any]:
    """Summarise the rows of a period.

    Parameters
    ----------
    rows : Rows
        All that are known.
    period : Period
    now : float
        Seconds since 1970.

    Returns
    -------
    dict
        ``period``, ``now`` (which version answers, and how fast), ``total`` and ``versions`` (counts, times, rates with
        their 95 % interval), and ``intervals`` (arrays; ``begin`` of each in seconds since 1970). Numbers that are not
        known are None, or NaN in arrays.
    """
    placed = place_rows(rows, period)
    columns = placed.rows.columns
    answered = placed.rows.is_text("error", "")
    fault = _any_of(placed, "error", FAULTS)
    shown = list(count_texts(placed, "version", np.ones(len(placed.rows), dtype=bool), MAX_VERSIONS))
    versions = {name: placed.rows.is_text("version", name) for name in shown if name in placed.rows.texts["version"]}
    return {
        "period": period._asdict(),
        "now": _now(rows, now),
        "total": _totals(placed, answered, fault),
        "versions": [
            {**_named(rows, name), **_totals(placed.select(own, *_COUNTED), answered[own], fault[own])}
            for name, own in versions.items()
        ],
        "intervals": {
            "begin": period.begin + period.interval * np.arange(period.intervals),
            "answers": placed.counts(answered),
            "faults": placed.counts(fault),
            **dict(zip(("p50", "p95"), placed.quantiles(columns["ms_total"], (0.5, 0.95)), strict=True)),
            "errors": count_texts(placed, "error", ~answered),
            "verdicts": {name: placed.counts(answered & placed.rows.is_text("verdict", name)) for name in VERDICTS},
            **_scores(placed, answered),
            "by_version": {name: _by_version(placed, own & answered) for name, own in versions.items()},
            "statistics": {name: placed.mean(columns[name]) for name in SHOWN_STATISTICS},
        },
    }


def describe_drift(tracker: DriftTracker, rows: Rows) -> dict[str, Any]:
    """Describe the search for changes: those that were found, and how near each column is to the next.

    Returns
    -------
    dict
        ``changes`` (see `aletheia.lifecycle.monitoring.drift.Drift`, with ``words``), and ``versions``: ``compared``
        (answers since the last change), ``is_watching``, and ``columns`` of dicts with ``group``, ``words``,
        ``evidence`` (share of what raises an alarm, all columns of a version together below 1), ``before``, ``now``,
        ``shift``.
    """
    versions = {}
    for name, version in tracker.versions.items():
        levels, evidence = version.levels(), version.evidence
        versions[name] = {
            "name": _named(rows, name)["name"],
            "compared": version.compared,
            "is_watching": version.is_watching,
            "columns": {
                column: {
                    "group": group,
                    "words": column_words(column),
                    "evidence": evidence[column],
                    **{key: _known(value) for key, value in levels[column].items()},
                }
                for group, names in GROUPS.items()
                for column in names
            },
        }
    changes = [{**drift.to_dict(), "words": column_words(drift.column)} for drift in tracker.drifts]
    return {"changes": changes, "versions": versions}


def expected_accuracy(rows: Rows, period: Period) -> dict[str, Any] | None:
    """Return what the version that answered last expects of itself in a period.

    Returns
    -------
    dict or None
        See `aletheia.lifecycle.monitoring.estimated_accuracy.estimate_accuracy`, with the ``name`` of the version; of
        many answers, of the last `MAX_ESTIMATED`. None without a verdict.
    """
    placed = place_rows(rows, period)
    answered = placed.rows.is_text("error", "")
    if not answered.any():
        return None
    code = placed.rows.columns["version"][answered][-1]
    own = np.flatnonzero(answered & (placed.rows.columns["version"] == code))[-MAX_ESTIMATED:]
    estimate = estimate_accuracy(to_log(placed.rows.select(own, ("error", "probability", "verdict"))))
    return estimate and {"name": _named(rows, rows.texts["version"][code])["name"], **estimate}


def to_log(rows: Rows) -> pd.DataFrame:
    """Return rows as `aletheia.lifecycle.prediction_log.reading.read_log` does, with the columns that they have.

    Ids are hashes (see `aletheia.lifecycle.dashboard.rows.hash_ids`); a version has the release that it had last.
    """
    frame = pd.DataFrame(
        {
            name: np.array(rows.texts[name], dtype=object)[values] if name in rows.texts else values
            for name, values in rows.columns.items()
        }
    )
    if "time" in frame:
        frame["time"] = pd.to_datetime(frame["time"], unit="s", utc=True)
    if "version" in frame:
        frame["release"] = frame["version"].map(rows.releases).astype(object).fillna("")
    return frame


def _now(rows: Rows, now: float) -> dict[str, Any]:
    times = rows.columns["time"]
    if not len(times):
        return {
            "version": None,
            "release": None,
            "name": None,
            "uri": None,
            "role": None,
            "last": None,
            "shares": {},
            "requests_per_minute": 0.0,
        }
    last = int(np.argmax(times))
    version = rows.texts["version"][rows.columns["version"][last]]
    recent = (times > times[last] - NOW_SECONDS) & (times <= times[last])
    codes, counts = np.unique(rows.columns["version"][recent], return_counts=True)
    shares = {rows.texts["version"][code]: float(n / counts.sum()) for code, n in zip(codes, counts, strict=True)}
    still = int(((times > now - NOW_SECONDS) & (times <= now)).sum())
    return {
        **_named(rows, version),
        "last": float(times[last]),
        "shares": dict(sorted(shares.items(), key=lambda item: -item[1])),
        "requests_per_minute": still / (NOW_SECONDS / 60),
    }


def _named(rows: Rows, version: str) -> dict[str, str]:
    release, uri = rows.releases.get(version, ""), rows.uris.get(version, "")
    return {
        "version": version,
        "release": release,
        "uri": uri,
        "role": rows.roles.get(version, ""),
        "name": version_name({"version": version or "unknown", "release": release}),
    }


def _totals(placed: Placed, answered: Array, fault: Array) -> dict[str, Any]:
    rows = placed.rows
    columns, verdicts = rows.columns, {name: int((answered & rows.is_text("verdict", name)).sum()) for name in VERDICTS}
    answers, faults = int(answered.sum()), int(fault.sum())
    faces = answered & (columns["faces"] > 0)
    times = columns["ms_total"][answered]
    times = times[np.isfinite(times)]
    latency = np.quantile(times, list(_SHARES.values())).tolist() if len(times) else [None] * len(_SHARES)
    where = np.ones(len(rows), dtype=bool)
    return {
        "requests": len(rows),
        "answers": answers,
        "latency_ms": dict(zip(_SHARES, latency, strict=True)),
        "errors": {name: int(counts.sum()) for name, counts in count_texts(placed, "error", ~answered).items()},
        "fault_rate": rate_with_interval(faults, answers + faults),
        "verdicts": verdicts,
        "causes": {
            name: int(counts.sum())
            for name, counts in count_texts(placed, "cause", where & ~rows.is_text("cause", "")).items()
        },
        "abstention_rate": rate_with_interval(
            int((faces & rows.is_text("verdict", "cannot tell")).sum()), int(faces.sum())
        ),
        "mean_probability": _mean(columns["probability"][faces]),
        "mean_confidence": _mean(_confidence(columns["probability"][faces])),
    }


def _by_version(placed: Placed, answered: Array) -> dict[str, Array]:
    own = placed.select(answered & (placed.rows.columns["faces"] > 0), "probability", "verdict")
    counts = np.bincount(own.place, minlength=own.intervals)
    return {
        "answers": placed.counts(answered),
        "confidence": own.mean(_confidence(own.rows.columns["probability"])),
        "abstention": divide(own.counts(own.rows.is_text("verdict", "cannot tell")), counts),
    }


def _scores(placed: Placed, answered: Array) -> dict[str, Array]:
    faces = placed.select(answered & (placed.rows.columns["faces"] > 0), "probability")
    names = ("score_p10", "score_p50", "score_p90")
    return dict(zip(names, faces.quantiles(faces.rows.columns["probability"], (0.1, 0.5, 0.9)), strict=True))


def _any_of(placed: Placed, column: str, texts: tuple[str, ...]) -> Array:
    codes = [code for code, text in enumerate(placed.rows.texts[column]) if text in texts]
    result: Array = np.isin(placed.rows.columns[column], codes)
    return result


def _confidence(probability: Array) -> Array:
    result: Array = np.maximum(probability, 1 - probability)
    return result


def _mean(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def to_json_values(value: Any) -> Any:
    """Turn arrays into lists, and numbers that are none into None, for JSON."""
    if isinstance(value, Mapping):
        return {str(key): to_json_values(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return to_json_values(value.tolist())
    if isinstance(value, list | tuple):
        return [to_json_values(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
