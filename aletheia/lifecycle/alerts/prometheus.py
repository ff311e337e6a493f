"""The rules of alerts as Prometheus and its Alertmanager read them, for those who have both already.

Each rule becomes three: its value, the requests that it rests on, and the alert. The alert fires after as many looks in
a row as the rule says (``for``), goes on while the value lies between both limits or cannot be judged (by Prometheus'
own record of what fires, the series ``ALERTS``), and is over after as many looks within the limit of clearing
(``keep_firing_for``, from version 2.42 on).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import yaml

from aletheia.core.errors import InputError
from aletheia.lifecycle.alerts.rules import AlertConfig, Rule
from aletheia.lifecycle.monitoring.traffic import FAULTS

#: Seconds between two evaluations, as between two looks of `aletheia monitor --watch`.
LOOK = 30
#: Name of the series that the watch itself writes, see `aletheia.lifecycle.alerts.exporter`.
RULE_VALUE, LAST_LOOK = "aletheia_rule_value", "aletheia_monitor_last_look_timestamp_seconds"
_STALE = 600  # seconds without a look after which the watch counts as stopped


class PromQuery(NamedTuple):
    """How Prometheus measures what a rule is about.

    Attributes
    ----------
    value : str
        PromQL without labels in its result.
    requests : str
        How many requests it rests on; empty where the rule is always judged.
    """

    value: str
    requests: str = ""


def prometheus_query(name: str, rule: Rule, job: str) -> PromQuery:
    """Return the queries for a rule; the span is rounded to seconds."""
    query = _QUERIES[rule.metric](f'job="{job}"', f"{max(round(rule.over), 1)}s", name)
    if rule.metric != "fault_rate":
        return query
    # Increases are extrapolated to the whole span, so that three faults may be 2.9 or 3.2.
    faults = _faults(f'job="{job}"', f"{max(round(rule.over), 1)}s")
    return query._replace(value=f"{query.value} * ({faults} >= bool {rule.least_faults - 0.5:g})")


def _answers(job: str, over: str) -> str:
    return f"sum(increase(aletheia_answer_seconds_count{{{job}}}[{over}]))"


def _faults(job: str, over: str) -> str:
    return f'sum(increase(aletheia_unanswered_total{{{job},kind=~"{"|".join(sorted(FAULTS))}"}}[{over}]))'


def _requests(job: str, over: str) -> str:
    return f"({_answers(job, over)} + sum(increase(aletheia_unanswered_total{{{job}}}[{over}])))"


def _p95(job: str, over: str, name: str) -> PromQuery:
    buckets = f"sum by (le) (rate(aletheia_answer_seconds_bucket{{{job}}}[{over}]))"
    return PromQuery(f"1000 * histogram_quantile(0.95, {buckets})", _requests(job, over))


def _fault_rate(job: str, over: str, name: str) -> PromQuery:
    faults = _faults(job, over)
    return PromQuery(f"{faults} / ({_answers(job, over)} + {faults})", _requests(job, over))


def _count(job: str, over: str, name: str) -> PromQuery:
    # A service that is down has no series at all: nothing was answered.
    return PromQuery(f"({_answers(job, over)} or vector(0))")


def _watched(job: str, over: str, name: str) -> PromQuery:
    # Only the watch can measure it: from the order of the answers, or from labels.
    return PromQuery(f"max({RULE_VALUE}{{rule={json.dumps(name)}}})")


def _disk(job: str, over: str, name: str) -> PromQuery:
    return PromQuery(f"min(aletheia_prediction_log_free_bytes{{{job}}})")


_QUERIES: dict[str, Callable[[str, str, str], PromQuery]] = {
    "p95_ms": _p95,
    "fault_rate": _fault_rate,
    "answers": _count,
    "changes": _watched,
    "accuracy_drop": _watched,
    "disk_free_bytes": _disk,
}


def alert_name(rule: str) -> str:
    """Return the name of a rule's alert, such as AletheiaSlow."""
    return "Aletheia" + "".join(word[:1].upper() + word[1:] for word in re.split(r"[^0-9A-Za-z]+", rule))


def render_rules(config: AlertConfig, job: str = "aletheia", look: int = LOOK) -> str:
    """Write the rules as a YAML file of Prometheus.

    Parameters
    ----------
    config : AlertConfig
    job : str
        Name under which Prometheus scrapes the service.
    look : int
        Seconds between two evaluations.

    Raises
    ------
    InputError
        When two names of rules become one, or the job's name is none.
    """
    if not re.fullmatch(r"[\w.:/-]{1,200}", job):
        raise InputError(f"{job!r} is no name of a job of Prometheus; use letters, digits and . : / _ -.")
    enabled = {name: rule for name, rule in config.rules.items() if rule.enabled}
    by_alert: dict[str, str] = {}
    for name in enabled:
        if (other := by_alert.setdefault(alert_name(name), name)) != name:
            raise InputError(f"The rules {other!r} and {name!r} both become the alert {alert_name(name)}; rename one.")
    rules = [part for name, rule in enabled.items() for part in _rules(name, rule, job, look)]
    if any(_QUERIES[rule.metric] is _watched for rule in enabled.values()):
        rules.append(_not_watched())
    group = {"name": "aletheia", "interval": f"{look}s", "rules": rules}
    return _dump({"groups": [group]})


def _rules(name: str, rule: Rule, job: str, look: int) -> list[dict[str, Any]]:
    query, label = prometheus_query(name, rule, job), {"rule": name}
    records = [{"record": "aletheia:rule_value", "expr": query.value, "labels": label}]
    judged = ""
    selector = f"{{rule={json.dumps(name)}}}"
    if query.requests and rule.at_least:
        records.append({"record": "aletheia:rule_requests", "expr": query.requests, "labels": label})
        judged = f" and on() max(aletheia:rule_requests{selector}) >= {rule.at_least}"
    value = f"max(aletheia:rule_value{selector})"
    bad, good = ("<", ">=") if rule.below else (">", "<=")
    clear = rule.limit if rule.clear is None else rule.clear
    alert = alert_name(name)
    lasts = f'vector(1) and on() ALERTS{{alertname="{alert}",alertstate="firing"}}'
    about = f"{name}: {_TEXT[rule.metric]} is {'below' if rule.below else 'above'} {rule.limit:g}"
    held = f"{(rule.looks - 1) * look}s"
    return [
        *records,
        {
            "alert": alert,
            "expr": f"({value} {bad} {rule.limit!r}{judged}) "
            f"or (({lasts}) unless on() ({value} {good} {clear!r}{judged}))",
            "for": held,
            "keep_firing_for": held,
            "labels": {"severity": "warning", "rule": _literal(name)},
            "annotations": {
                "summary": _literal(about),
                "description": f"It is {{{{ with query {json.dumps(value)} }}}}"
                "{{ . | first | value | humanize }}{{ else }}unknown{{ end }} now.",
                "runbook": _literal(rule.runbook),
            },
        },
    ]


def _not_watched() -> dict[str, Any]:
    return {
        "alert": "AletheiaNotWatched",
        "expr": f"absent({LAST_LOOK}) or time() - max({LAST_LOOK}) > {_STALE}",
        "for": "10m",
        "labels": {"severity": "warning"},
        "annotations": {
            "summary": "nobody looks for changes of what the service is asked and answers",
            "runbook": "Start `aletheia monitor --watch --metrics-port 9464`, and let Prometheus scrape it.",
        },
    }


_TEXT = {
    "p95_ms": "the time of 95 of 100 answers, in ms,",
    "fault_rate": "the share of requests that fail by the service's fault",
    "answers": "the number of answers",
    "changes": "the number of changes that were noticed",
    "accuracy_drop": "by how much accuracy on labels is below the evaluation's",
    "disk_free_bytes": "the space beside the prediction log, in bytes,",
}


def render_alertmanager(config: AlertConfig) -> str:
    """Write a configuration of Alertmanager that sends every alert to the webhooks and the mail of the rules.

    It holds the mail's password and the webhooks' addresses: let nobody else read it.

    Raises
    ------
    InputError
        When the rules name neither.
    """
    if not config.webhooks and not config.mail:
        raise InputError("The rules name nobody to tell; give `webhooks` or `mail` in the file of --alerts.")
    receiver: dict[str, Any] = {"name": "aletheia"}
    if config.webhooks:
        receiver["webhook_configs"] = [{"url": url, "send_resolved": True} for url in config.webhooks]
    if mail := config.mail:
        sender = {
            "from": mail.sender,
            "smarthost": f"{mail.host}:{mail.port}",
            "require_tls": mail.starttls,
            "send_resolved": True,
            **({"auth_username": mail.user, "auth_password": mail.password.get_secret_value()} if mail.user else {}),
        }
        receiver["email_configs"] = [{"to": ", ".join(mail.to), **sender}]
    route = {
        "receiver": "aletheia", "group_by": ["alertname"], "group_wait": "10s", "group_interval": "1m",
        "repeat_interval": "1d",
    }  # fmt: skip
    return _dump({"route": route, "receivers": [receiver]})


def _literal(text: str) -> str:
    """Write text so that Prometheus' templates leave it as it is."""
    return text.replace("{{", '{{ "{{" }}')


def _dump(content: dict[str, Any]) -> str:
    head = "# Written by `aletheia monitor`; change the rules there, not here.\n"
    return head + str(yaml.dump(content, Dumper=_NoAliases, sort_keys=False, width=10_000, allow_unicode=True))


class _NoAliases(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML has no types
    def ignore_aliases(self, data: Any) -> bool:
        return True
