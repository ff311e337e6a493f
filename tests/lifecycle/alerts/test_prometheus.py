"""The rules as Prometheus and Alertmanager read them, judged by their own tools and against the project's own looks."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import yaml

from aletheia.core.errors import InputError
from aletheia.lifecycle.alerts.measures import Measured
from aletheia.lifecycle.alerts.prometheus import LOOK, alert_name, render_alertmanager, render_rules
from aletheia.lifecycle.alerts.promtool_tests import render_rule_tests
from aletheia.lifecycle.alerts.rules import DEFAULT_RULES, AlertConfig, Rule
from aletheia.lifecycle.alerts.state import AlertStates

MAIL = {
    "host": "mail.example",
    "sender": "a@example",
    "to": ["b@example", "c@example"],
    "user": "u",
    "password": "hush",
}
OTHERS = {
    "too-fast": Rule(metric="p95_ms", limit=10, clear=12, below=True, over="5m"),
    'odd "name" {{ x }}': Rule(
        metric="answers", limit=5000, over="1h", looks=1, runbook='Say {{ "hello" }} \\ "twice".'
    ),
    "all failing": Rule(metric="fault_rate", limit=0.5, clear=0.2, over="30m", looks=4),
}
EVERYTHING = AlertConfig(rules={**DEFAULT_RULES, **OTHERS}, webhooks=["https://hooks.example/T0/secret"], mail=MAIL)


def tool(name: str, *words: object) -> None:
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed (of Prometheus or its Alertmanager)")
    ran = subprocess.run([name, *map(str, words)], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def write(tmp_path, **contents):
    for name, content in contents.items():
        (tmp_path / f"{name}.yml").write_text(content)
    return [tmp_path / f"{name}.yml" for name in contents]


@pytest.mark.slow
def test_rules_pass_their_tests(tmp_path):
    rules, tests = write(
        tmp_path, rules=render_rules(EVERYTHING), rules_test=render_rule_tests(EVERYTHING, "rules.yml")
    )
    tool("promtool", "check", "rules", rules)
    tool("promtool", "test", "rules", tests)


def test_tests_notice_wrong_rules(tmp_path):
    """The tests beside the rules fail when the rules are others: each limit moved far off."""
    for name, rule in DEFAULT_RULES.items():
        moved = -1.0 if rule.below else 1e6 * (rule.limit + 1)
        other = rule.model_copy(update={"limit": moved, "clear": moved})
        _, tests = write(
            tmp_path,
            rules=render_rules(AlertConfig(rules={name: other})),
            rules_test=render_rule_tests(AlertConfig(rules={name: rule}), "rules.yml"),
        )
        with pytest.raises(AssertionError, match="FAILED"):
            tool("promtool", "test", "rules", tests)


def test_fires_as_the_own_looks_do(tmp_path):
    """On drawn values, rule by rule and look by look: hysteresis, looks in a row, both directions."""
    rng, tests = np.random.default_rng(0), []
    rules = {
        f"r{looks}{below:d}": Rule(
            metric="disk_free_bytes", limit=5, clear=7 if below else 3, below=below, looks=looks, at_least=0
        )
        for looks in (1, 2, 3)
        for below in (False, True)
    }
    for drawn in range(4):
        values = np.repeat(rng.integers(0, 11, 40), rng.integers(1, 5, 40))[:60].tolist()
        states, checks = AlertStates(tmp_path / "none"), []
        for look, value in enumerate(values):
            states.look(rules, lambda rule, v=value: Measured(float(v), ""), look)
            for name, state in states.rules.items():
                samples = [{"labels": "{}", "value": 1}] if state.firing_since is not None else []
                expr = f'count(ALERTS{{alertname="{alert_name(name)}",alertstate="firing"}})'
                checks.append({"expr": expr, "eval_time": f"{look * LOOK}s", "exp_samples": samples})
        assert any(check["exp_samples"] for check in checks)
        series = {"series": 'aletheia_prediction_log_free_bytes{job="aletheia"}', "values": " ".join(map(str, values))}
        tests.append({"name": f"{drawn}", "interval": f"{LOOK}s", "input_series": [series], "promql_expr_test": checks})
    content = {"rule_files": ["rules.yml"], "evaluation_interval": f"{LOOK}s", "tests": tests}
    _, path = write(tmp_path, rules=render_rules(AlertConfig(rules=rules)), rules_test=yaml.safe_dump(content))
    tool("promtool", "test", "rules", path)


def test_what_cannot_be_judged_changes_nothing(tmp_path):
    """A service that fails and is then asked no more stays an alert, as by the own looks."""
    rule = {"failing": DEFAULT_RULES["failing"].model_copy(update={"over": 60.0})}
    faults, answers = 'aletheia_unanswered_total{job="aletheia",kind="internal"}', "aletheia_answer_seconds_count"
    firing = 'count(ALERTS{alertname="AletheiaFailing",alertstate="firing"})'
    test = {
        "interval": "30s",
        "input_series": [
            {"series": faults, "values": "0+50x10 500x30"},  # fails for five minutes, then nobody asks
            {"series": f'{answers}{{job="aletheia"}}', "values": "0+50x10 500x10 500+100x20"},  # and then all is well
        ],
        "promql_expr_test": [
            {"expr": firing, "eval_time": when, "exp_samples": [{"labels": "{}", "value": 1}] * lasts}
            for when, lasts in (("5m", 1), ("9m", 1), ("15m", 0))
        ],
    }
    content = {"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": [test]}
    _, path = write(tmp_path, rules=render_rules(AlertConfig(rules=rule)), rules_test=yaml.safe_dump(content))
    tool("promtool", "test", "rules", path)


def test_alertmanager(tmp_path):
    (path,) = write(tmp_path, alertmanager=render_alertmanager(EVERYTHING))
    tool("amtool", "check-config", path)
    (receiver,) = yaml.safe_load(path.read_text())["receivers"]
    assert receiver["webhook_configs"] == [{"url": "https://hooks.example/T0/secret", "send_resolved": True}]
    (mail,) = receiver["email_configs"]
    assert (mail["to"], mail["smarthost"], mail["auth_password"]) == (
        "b@example, c@example",
        "mail.example:587",
        "hush",
    )
    for part in ({"webhooks": EVERYTHING.webhooks}, {"mail": MAIL}):
        tool("amtool", "check-config", *write(tmp_path, one=render_alertmanager(AlertConfig(rules={}, **part))))


def test_runbooks_stand_as_written():
    annotations = [
        rule["annotations"]
        for rule in yaml.safe_load(render_rules(EVERYTHING))["groups"][0]["rules"]
        if "alert" in rule and "rule" in rule["labels"]
    ]
    assert [part["runbook"] for part in annotations[: len(DEFAULT_RULES)]] == [
        rule.runbook for rule in DEFAULT_RULES.values()
    ]
    assert 'Say {{ "{{" }} "hello" }}' in annotations[len(DEFAULT_RULES) + 1]["runbook"]


def test_unusable():
    with pytest.raises(InputError, match=r"'a-b' and 'a b' both become the alert AletheiaAB; rename one"):
        render_rules(AlertConfig(rules={"a-b": DEFAULT_RULES["slow"], "a b": DEFAULT_RULES["slow"]}))
    with pytest.raises(InputError, match="no name of a job"):
        render_rules(EVERYTHING, 'x"} or vector(1)')
    with pytest.raises(InputError, match="name nobody to tell"):
        render_alertmanager(AlertConfig(rules=DEFAULT_RULES))
