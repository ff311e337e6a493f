"""The watch over a model as applications of MLRun's model monitoring.

A real MLRun runs them over windows of a model endpoint's data, with the endpoint's statistics as the reference; without
one, `evaluate_applications` runs them on a prediction log, against whatever tracking service is configured. The search
for changes is that of `aletheia.stats.change_detection`, here with a reference that is given beforehand.

Of the reference MLRun hands out histograms. A value is compared by the bin that it falls into, ties in a bin being
broken at random: coarser than on the log itself, and as right about false alarms. Each window starts the search anew.
In a window of m compared answers the evidence reaches c with a chance of at most m / c; with c three times the compared
answers of a month, three groups of columns together raise at most one false alarm a month on average, however the
month is cut into windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from mlrun.common.schemas.model_monitoring.constants import ResultKindApp, ResultStatusApp
from mlrun.model_monitoring.applications import (
    ModelMonitoringApplicationBase,
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationResult,
)

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.lifecycle.alerts.measures import measure_rows
from aletheia.lifecycle.alerts.rules import DEFAULT_RULES, Rule
from aletheia.lifecycle.monitoring.drift import GROUPS, MONTH, SPACING, WEIGHTS, drift_columns, space_out
from aletheia.stats.change_detection import ChangeDetector

if TYPE_CHECKING:
    from mlrun import RunObject
    from mlrun.model_monitoring.applications import MonitoringApplicationContext

Result: TypeAlias = Any  # ModelMonitoringApplicationResult or …Metric, which have no types
#: Share of the evidence of an alarm from which on a change counts as possible.
POTENTIAL = 0.1
_NAMES = dict(zip(GROUPS, ("pictures", "embedding", "answers"), strict=True))
_TIME = "time"  # in the log; MLRun's own name for it is the second
_TIMES = (_TIME, "timestamp")


class ChangeApplication(ModelMonitoringApplicationBase):  # type: ignore[misc]  # MLRun has no types
    """Changes of the pictures, of what the network sees in the faces, and of the answers, against a reference.

    Each group is a result of its own: ``pictures``, ``embedding`` and ``answers``, of the kind *data drift*, the last
    one *anomaly*. The value is the largest evidence as a share of what an alarm takes, 0 to 1: *detected* at 1,
    *potential* from `POTENTIAL` on, *irrelevant* where sample and reference share no column of the group.

    Parameters
    ----------
    spacing : float
        Seconds between two answers that are compared, at least.
    """

    def __init__(self, spacing: float = SPACING) -> None:
        if not spacing > 0:
            raise InputError(f"spacing: {spacing!r} must be above 0 seconds.")
        self.spacing = spacing

    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> list[Result]:
        """Compare a window with the reference."""
        rows, stats = monitoring_context.sample_df, monitoring_context.feature_stats
        rows = rows[_spaced(rows, self.spacing)]
        binned = {
            name: _bins(rows[name].to_numpy(float), stats[name])
            for name in WEIGHTS
            if name in rows and "hist" in stats.get(name, {})
        }
        results: list[Result] = [self._result(group, binned, len(rows)) for group in GROUPS]
        return [*results, ModelMonitoringApplicationMetric("compared_answers", float(len(rows)))]

    def _result(self, group: str, binned: Mapping[str, tuple[Array, Array]], rows: int) -> Result:
        name = _NAMES[group]
        kind = ResultKindApp.mm_app_anomaly if name == "answers" else ResultKindApp.data_drift
        columns = {column: binned[column] for column in GROUPS[group] if column in binned}
        if not columns or not rows:
            return ModelMonitoringApplicationResult(name, 0.0, kind, ResultStatusApp.irrelevant)
        detector = ChangeDetector(dict.fromkeys(columns, 1.0), len(GROUPS) * MONTH / self.spacing, reference=1)
        detector.learn({column: reference for column, (_, reference) in columns.items()})
        changes = detector.update({column: values for column, (values, _) in columns.items()})
        value = 1.0 if changes else min(detector.peak, 1.0)
        status = ResultStatusApp.detected if changes else ResultStatusApp.no_detection
        if not changes and value >= POTENTIAL:
            status = ResultStatusApp.potential_detection
        extra = {"column": changes[0].column, "since_row": changes[0].since} if changes else {}
        return ModelMonitoringApplicationResult(name, value, kind, status, extra)


class ServiceApplication(ModelMonitoringApplicationBase):  # type: ignore[misc]
    """Time and faults of the answers of a window, by the limits of the alerts `slow` and `failing`.

    Two results of the kind *system performance*: ``p95_ms`` and ``fault_rate``; *irrelevant* where the window holds too
    few requests, or lacks the column.

    Parameters
    ----------
    p95_ms, fault_rate : float, optional
        Other limits.
    """

    def __init__(self, p95_ms: float | None = None, fault_rate: float | None = None) -> None:
        limits = {"slow": p95_ms, "failing": fault_rate}
        self.rules = [
            Rule(**{**DEFAULT_RULES[name].model_dump(), **({} if limit is None else {"limit": limit, "clear": None})})
            for name, limit in limits.items()
        ]

    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> list[Result]:
        """Measure a window."""
        rows = monitoring_context.sample_df
        return [self._result(rule, rows) for rule in self.rules]

    def _result(self, rule: Rule, rows: pd.DataFrame) -> Result:
        kind = ResultKindApp.system_performance
        if not {"error", "ms_total"} <= set(rows):
            return ModelMonitoringApplicationResult(rule.metric, 0.0, kind, ResultStatusApp.irrelevant)
        columns = {"error": rows["error"].fillna("").to_numpy(), "ms_total": rows["ms_total"].to_numpy(float)}
        measured = measure_rows(rule, columns)
        if measured.value is None:
            return ModelMonitoringApplicationResult(rule.metric, 0.0, kind, ResultStatusApp.irrelevant)
        status = ResultStatusApp.detected if rule.is_bad(measured.value) else ResultStatusApp.no_detection
        extra = {"text": measured.text, "limit": rule.limit}
        return ModelMonitoringApplicationResult(rule.metric, measured.value, kind, status, extra)


APPLICATIONS: tuple[type[ModelMonitoringApplicationBase], ...] = (ChangeApplication, ServiceApplication)


def sample_of(log: pd.DataFrame, *, with_errors: bool = False) -> pd.DataFrame:
    """Return rows of a prediction log as the applications read them.

    Parameters
    ----------
    log : DataFrame
        See `aletheia.lifecycle.prediction_log.reading.read_log`.
    with_errors : bool
        Whether requests without an answer are among them; `ServiceApplication` counts those.

    Returns
    -------
    DataFrame
        ``time``, ``error``, ``ms_total``, and the columns of `WEIGHTS` as far as any is known; those of sizes and
        scales as logarithms.
    """
    rows = log if with_errors else log[(log["error"] == "") & (log["faces"] > 0)]
    columns = {name: values for name, values in drift_columns(rows).items() if np.isfinite(values).any()}
    head = {"time": rows["time"], "error": rows["error"], "ms_total": rows["ms_total"]}
    return pd.DataFrame({**head, **columns}, index=rows.index).reset_index(drop=True)


def evaluate_applications(
    log: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    applications: Sequence[type[ModelMonitoringApplicationBase]] = APPLICATIONS,
    arguments: Mapping[str, dict[str, Any]] | None = None,
) -> dict[str, RunObject]:
    """Run applications on rows of a log as MLRun does, each as a run of its own in the current project.

    Parameters
    ----------
    log, reference : DataFrame
        Rows of a prediction log: those to judge, and those that they are compared with.
    applications : sequence of classes
    arguments : mapping of str to dict, optional
        Of their constructors, by the class's name.

    Returns
    -------
    dict
        The runs by the class's name; ``run.output("return")`` is the list of results.

    Raises
    ------
    InputError
        When either is empty, or no tracking service can be reached.
    """
    from aletheia.tracking import ensure_tracking

    known = sample_of(reference).drop(columns=["time", "error", "ms_total"]).dropna()
    if not len(known):
        raise InputError("The reference holds no answer with a face; choose another span, as in --reference 30d.")
    if not len(log):
        raise InputError("There is no request in this time; choose a longer span, as in --last 7d.")
    ensure_tracking()
    runs = {}
    for application in applications:
        name = application.__name__
        runs[name] = application.evaluate(
            func_path=str(Path(__file__)),
            func_name=f"{name.lower()}",
            run_local=True,
            sample_data=sample_of(log, with_errors=application is ServiceApplication),
            reference_data=known,
            class_arguments=(arguments or {}).get(name, {}),
        )
    return runs


def _spaced(rows: pd.DataFrame, spacing: float) -> Array:
    """Choose rows in order of time, `spacing` seconds from each other; all where their times are unknown."""
    column = next((name for name in _TIMES if name in rows), None)
    if column is None:
        return np.ones(len(rows), bool)
    times = pd.to_datetime(rows[column], utc=True)
    return space_out((times - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(), spacing)[0]


def _bins(values: Array, stats: Mapping[str, Any]) -> tuple[Array, Array]:
    """Return the bins of values (n,), NaN where unknown, and those of the reference, each as often as it occurs."""
    counts, edges = (np.asarray(part, dtype=float) for part in stats["hist"])
    bins = np.searchsorted(edges, values, side="right").astype(float)
    bins[values == edges[-1]] = len(counts)  # the last bin holds its upper edge
    bins[~np.isfinite(values)] = np.nan
    return bins, np.repeat(np.arange(1.0, len(counts) + 1), counts.astype(int))
