"""Unit tests of the Prometheus rules, for ``promtool test rules``: they travel with the rules they test."""

from __future__ import annotations

import json
from typing import Any

from aletheia.lifecycle.alerts.prometheus import LAST_LOOK, LOOK, RULE_VALUE, _dump, alert_name
from aletheia.lifecycle.alerts.rules import AlertConfig, Rule


def render_rule_tests(config: AlertConfig, rules_file: str, job: str = "aletheia") -> str:
    """Write tests that each enabled rule fires on values beyond its limit, and is quiet on good ones.

    Parameters
    ----------
    config : AlertConfig
    rules_file : str
        Name of the file with the rules, in the same folder.
    job : str
        As in `aletheia.lifecycle.alerts.prometheus.render_rules`.
    """
    tests = []
    for name, rule in config.rules.items():
        if rule.enabled:
            tests += [_test(name, rule, job, is_bad=bad) for bad in (True, False)]
    return _dump({"rule_files": [rules_file], "evaluation_interval": f"{LOOK}s", "tests": tests})


def _test(name: str, rule: Rule, job: str, *, is_bad: bool) -> dict[str, Any]:
    # Long enough for the span to fill, of what is counted in one, and for the looks that it takes.
    span = 0.0 if rule.metric in ("changes", "accuracy_drop", "disk_free_bytes") else 2 * rule.over
    steps = int((span + (rule.looks + 4) * LOOK) // LOOK)
    return {
        "name": f"{name}: {'beyond the limit' if is_bad else 'within'}",
        "interval": f"{LOOK}s",
        "input_series": [
            {"series": series, "values": values}
            for series, values in _SERIES[rule.metric](name, rule, job, steps, is_bad).items()
        ],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert_name(name)}",alertstate="firing"}})',
                "eval_time": f"{(steps - 1) * LOOK}s",
                "exp_samples": [{"labels": "{}", "value": 1}] if is_bad else [],
            }
        ],
    }


def _counted(per_look: float, steps: int) -> str:
    return f"0+{per_look:g}x{steps}"


def _per_look(rule: Rule) -> int:
    """Return how many requests between two looks are more than enough to judge the rule, and count as traffic."""
    return int(10 * (rule.at_least + 10) * LOOK / rule.over) + 100


def _slow(name: str, rule: Rule, job: str, steps: int, bad: bool) -> dict[str, str]:
    clear = rule.limit if rule.clear is None else rule.clear
    # Bad: all answers lie between the limit and thrice the limit; good: all below the limit of clearing. Where small
    # times are the bad ones, the other way round.
    quick = f"{clear / 1000:g}" if not rule.below else f"{rule.limit / 1000:g}"
    is_slow, many = bad != rule.below, _counted(_per_look(rule), steps)
    bucket = f'aletheia_answer_seconds_bucket{{job="{job}",le='
    late = f"{3 * max(rule.limit, clear) / 1000:g}"
    middle = f"{max(rule.limit, clear) / 1000:g}"
    return {
        f'{bucket}"{quick}"}}': _counted(0, steps) if is_slow else many,
        **({f'{bucket}"{middle}"}}': _counted(0, steps) if is_slow else many} if middle != quick else {}),
        f'{bucket}"{late}"}}': many,
        f'{bucket}"+Inf"}}': many,
        **_requests(job, steps, answers=_per_look(rule), faults=0),
    }


def _failing(name: str, rule: Rule, job: str, steps: int, bad: bool) -> dict[str, str]:
    every = 100 * _per_look(rule)
    clear = rule.limit if rule.clear is None else rule.clear
    share = min(2 * rule.limit, (1 + rule.limit) / 2) if bad != rule.below else clear / 2
    return _requests(job, steps, answers=(1 - share) * every, faults=share * every)


def _count(name: str, rule: Rule, job: str, steps: int, bad: bool) -> dict[str, str]:
    clear = rule.limit if rule.clear is None else rule.clear
    many = 3 * max(rule.limit, clear, 1) * LOOK / rule.over + 1
    return _requests(job, steps, answers=many if bad != rule.below else 0, faults=0)


def _requests(job: str, steps: int, *, answers: float, faults: float) -> dict[str, str]:
    return {
        f'aletheia_answer_seconds_count{{job="{job}"}}': _counted(answers, steps),
        f'aletheia_unanswered_total{{job="{job}",kind="internal"}}': _counted(faults, steps),
        f'aletheia_unanswered_total{{job="{job}",kind="bad_image"}}': _counted(0, steps),
    }


def _gauge(series: str, rule: Rule, steps: int, bad: bool) -> dict[str, str]:
    clear = rule.limit if rule.clear is None else rule.clear
    far = abs(rule.limit) + 1
    value = (rule.limit - far if rule.below else rule.limit + far) if bad else clear
    return {series: f"{value:g}+0x{steps}", LAST_LOOK: f"0+{LOOK}x{steps}"}


def _watched(name: str, rule: Rule, job: str, steps: int, bad: bool) -> dict[str, str]:
    return _gauge(f'{RULE_VALUE}{{rule={json.dumps(name)},metric="{rule.metric}"}}', rule, steps, bad)


def _disk(name: str, rule: Rule, job: str, steps: int, bad: bool) -> dict[str, str]:
    return _gauge(f'aletheia_prediction_log_free_bytes{{job="{job}"}}', rule, steps, bad)


_SERIES = {
    "p95_ms": _slow,
    "fault_rate": _failing,
    "answers": _count,
    "changes": _watched,
    "accuracy_drop": _watched,
    "disk_free_bytes": _disk,
}
