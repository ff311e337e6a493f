"""Sixty days of traffic replayed: which incidents are noticed, by what, after how long, and what was a false alarm.

The pictures are drawn faces, answered once each by the real service with a small network (`benchmarks.incident_pools`);
the traffic is drawn from these answers (`benchmarks.incident_traffic`), the times of answers and the errors, too.
Changes are searched for as `aletheia monitor` does; the rules of alerts are looked at every five minutes. Nothing
depends on the speed of the machine but the time that it takes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2

from aletheia.lifecycle.alerts.measures import COLUMNS, Measured, measure_rows
from aletheia.lifecycle.alerts.rules import DEFAULT_RULES, Rule
from aletheia.lifecycle.alerts.state import AlertStates
from aletheia.lifecycle.monitoring.dependence import find_dependence
from aletheia.lifecycle.monitoring.drift import SPACING, VersionStream
from aletheia.lifecycle.monitoring.estimated_accuracy import estimate_accuracy
from aletheia.models.verdict import FAKE, REAL
from aletheia.stats.curves import auc
from aletheia.stats.intervals import wilson
from benchmarks.incident_pools import Kind, load_pools
from benchmarks.incident_traffic import DAY, DAYS, HOUR, INCIDENTS, ON_TOP, START, Incident, draw_traffic

LOOK = 300.0  # seconds between two looks at the rules
#: The usual rules about requests, over six times as long: of some 500 pictures a day, few fall into ten minutes.
RULES = {
    name: DEFAULT_RULES[name].model_copy(update={"over": 6 * DEFAULT_RULES[name].over})
    for name in ("slow", "failing", "silent")
}
FIRST, EVERY = 6.0, 6.0  # days before the first incident, and between the beginnings of two
GRACE = HOUR  # after an incident in which it may still be noticed: a rule takes two looks
RETURN = 3 * DAY  # in which the return to the usual may be noticed, as the change that it is
#: At most so many false alarms a month, on average.
LIMIT = 1.0
MONTHS = DAYS / 30
#: Quiet traffic of other kinds.
VARIANTS: dict[str, dict[str, Any]] = {
    "no days, nights or callers": {"daily": False, "pictures": 1.0},
    "days, nights, weekends; callers send 3 pictures in a row": {},
    "nights: 4 of 5 pictures from another camera": {"night": "cam-c"},
    "callers send 20 pictures, one each 30 s": {"pictures": 20.0, "pause": 30.0},
}


class Alarm(NamedTuple):
    """When something was noticed, and by which rule."""

    time: float
    rule: str
    text: str


class Caught(NamedTuple):
    """How an incident was noticed."""

    rule: str
    hours: float
    pictures: int


def find_alarms(log: pd.DataFrame, **search: Any) -> list[Alarm]:
    """Find all alarms in a log: changes, and alerts of `RULES`."""
    drifts = VersionStream(str(log["version"].iloc[0]), **search).update(log)
    changes = [Alarm(pd.Timestamp(drift.noticed).timestamp(), "changed", drift.column) for drift in drifts]
    return sorted([*changes, *_alerts(log)])


def _alerts(log: pd.DataFrame) -> list[Alarm]:
    times = (log["time"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
    columns = {name: log[name].to_numpy() for name in COLUMNS}
    states, alarms = AlertStates("/nonexistent"), []
    for now in np.arange(START + LOOK, times[-1] + LOOK, LOOK):

        def measured(rule: Rule, now: float = now) -> Measured:
            part = slice(*np.searchsorted(times, (now - rule.over, now)))
            return measure_rows(rule, {name: values[part] for name, values in columns.items()})

        alarms += [
            Alarm(now, alert.rule, "") for alert in states.look(RULES, measured, now) if alert.status == "firing"
        ]
    return [alarm for alarm in alarms if alarm.time > START + 6 * HOUR]  # before, the log is too short for `silent`


def plan_incidents(seed: int) -> dict[float, Incident]:
    """Put the incidents into sixty days, in an order and at hours of the day of their own for each seed."""
    rng = np.random.default_rng((seed, 9))
    order = rng.permutation(len(INCIDENTS))
    begins = START + DAY * (FIRST + EVERY * np.arange(len(order)) + rng.random(len(order)))
    return {float(begin): INCIDENTS[index] for begin, index in zip(begins, order, strict=True)}


def judge(
    alarms: Sequence[Alarm], planned: Mapping[float, Incident], log: pd.DataFrame
) -> tuple[dict[str, Caught | None], list[Alarm]]:
    """Return how each incident was noticed, None if it was not, and the alarms at which nothing was wrong."""
    times = (log["time"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
    caught: dict[str, Caught | None] = {}
    explained = set()
    for begin, incident in planned.items():
        end = begin + incident.hours * HOUR
        explained |= {alarm for alarm in alarms if begin <= alarm.time <= end + RETURN}
        first = next((alarm for alarm in alarms if begin <= alarm.time <= end + GRACE), None)
        caught[incident.name] = None
        if first:
            pictures = int(((times >= begin) & (times <= first.time)).sum())
            caught[incident.name] = Caught(first.rule, (first.time - begin) / HOUR, pictures)
    return caught, [alarm for alarm in alarms if alarm not in explained]


def truth_and_estimate(log: pd.DataFrame) -> tuple[float, float, float]:
    """Return the share of the verdicts that are right, what the model makes of it, and the true AUC."""
    given = log[log["verdict"].isin([REAL, FAKE])]
    estimate = estimate_accuracy(log)
    answered = log[(log["error"] == "") & log["probability"].notna()]
    area = auc(answered["fake"].to_numpy(float), answered["probability"].to_numpy(float))
    right = float(((given["verdict"] == FAKE) == given["fake"]).mean()) if len(given) else float("nan")
    return right, estimate["value"] if estimate else float("nan"), float(area)


def report(pools: Mapping[Kind, pd.DataFrame], seeds: int, variant_seeds: int) -> bool:
    """Print the tables; whether there are at most `LIMIT` false alarms a month on the usual traffic."""
    caught: dict[str, list[Caught | None]] = defaultdict(list)
    accuracy: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    wrong: list[Alarm] = []
    for seed in range(seeds):
        alone = {START + DAY * (FIRST + np.random.default_rng((seed, 10)).random()): ON_TOP}
        for planned, days in ((plan_incidents(seed), DAYS), (alone, FIRST + EVERY)):
            log = draw_traffic(pools, seed, planned, days=days)
            for name, how in judge(find_alarms(log), planned, log)[0].items():
                caught[name].append(how)
            for begin, incident in planned.items():
                span = log["time"].between(_stamp(begin), _stamp(begin + incident.hours * HOUR))
                accuracy[incident.name].append(truth_and_estimate(log[span]))
        quiet = draw_traffic(pools, 10_000 + seed)
        accuracy["quiet days"].append(truth_and_estimate(quiet))
        wrong += find_alarms(quiet)
    if seeds:
        _print_caught(caught)
        _print_accuracy(accuracy)
    print(
        f"\nFalse alarms on {seeds} times {DAYS} quiet days, by rule: {dict(Counter(a.rule for a in wrong)) or 'none'}."
    )
    kept = _print_false_alarms(pools, wrong, seeds, variant_seeds)
    print(f"\nAt most {LIMIT:g} false alarm a month on the usual traffic: {'kept' if kept else 'MISSED'}.")
    return kept


def _print_caught(caught: Mapping[str, Sequence[Caught | None]]) -> None:
    print(
        "\n| incident | noticed | by | hours until then: median (largest) | pictures, likewise |\n|---|---|---|---|---|"
    )
    for incident in (*INCIDENTS, ON_TOP):
        every = caught[incident.name]
        known = [how for how in every if how]
        low, high = wilson(len(known), len(every))
        cells = [incident.name, f"{len(known)} of {len(every)} ({low:.0%} to {high:.0%})"]
        cells.append(", ".join(f"`{rule}` {count}" for rule, count in Counter(how.rule for how in known).most_common()))
        for values in ([how.hours for how in known], [how.pictures for how in known]):
            shown = ".1f" if values and isinstance(values[0], float) else ".0f"
            cells.append(f"{statistics.median(values):{shown}} ({max(values):{shown}})" if values else "–")
        print(f"| {' | '.join(cells)} |", flush=True)


def _print_accuracy(accuracy: Mapping[str, Sequence[tuple[float, float, float]]]) -> None:
    print("\n| | verdicts right | estimated without labels | AUC |\n|---|---|---|---|")
    for name in (
        "quiet days",
        *(incident.name for incident in (*INCIDENTS, ON_TOP) if not {"slow", "errors"} & set(incident.effects)),
    ):
        means = np.mean(accuracy[name], axis=0)
        cells = ["–" if np.isnan(mean) else f"{mean:.3f}" for mean in means]  # a model that never decides
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _print_false_alarms(
    pools: Mapping[Kind, pd.DataFrame], wrong: Sequence[Alarm], seeds: int, variant_seeds: int
) -> bool:
    print("\n| quiet traffic | as usual | advised | with it |\n|---|---|---|---|")
    kept = True
    for variant, drawn in VARIANTS.items():
        logs = [draw_traffic(pools, 20_000 + seed, **drawn) for seed in range(variant_seeds)]
        count, months = sum(map(_count, logs)), variant_seeds * MONTHS
        found = find_dependence(logs[0]) if logs else []
        words, with_it = "nothing", ""
        if found:
            options = [f"`--spacing {found[0].spacing / 60:g}m`"] if found[0].spacing != SPACING else []
            words = " ".join([*options, *["`--by-hour`"] * found[0].by_hour])
            search = {"spacing": found[0].spacing, "by_hour": found[0].by_hour}
            with_it = _rate(sum(_count(log, **search) for log in logs), months)
        if not drawn:  # the usual traffic, of which there is more
            count += sum(alarm.rule == "changed" for alarm in wrong)
            months += seeds * MONTHS
            kept = count + sum(alarm.rule != "changed" for alarm in wrong) <= LIMIT * months
        print(f"| {variant} | {_rate(count, months)} | {words} | {with_it} |", flush=True)
    return kept


def _count(log: pd.DataFrame, **search: Any) -> int:
    return len(VersionStream(str(log["version"].iloc[0]), **search).update(log))


def _rate(count: int, months: float) -> str:
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0  # exact limits of a Poisson mean (Garwood, 1936)
    low, high = low / months, chi2.ppf(0.975, 2 * count + 2) / 2 / months
    return f"{count / months:.2f} ({low:.2f} to {high:.2f})"


def _stamp(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(seconds, unit="s", tz="UTC")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="times sixty days with incidents, and as many without")
    parser.add_argument("--variant-seeds", type=int, default=4, help="times sixty quiet days of each other kind")
    parser.add_argument("--pictures", type=int, default=240, help="of each kind, which are answered once")
    parser.add_argument("--faces", type=int, default=1200, help="drawn faces that the network is trained on")
    parser.add_argument("--keep", type=Path, help="folder for the network and its answers; made if missing, then used")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pools = load_pools(options.keep or Path(folder), options.pictures, options.faces)
        return int(not report(pools, options.seeds, options.variant_seeds))


if __name__ == "__main__":
    sys.exit(main())
