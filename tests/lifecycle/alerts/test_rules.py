"""Rules as a file writes them: the usual ones, changes of them, and what does not fit."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.alerts.rules import DEFAULT_RULES, Rule, read_alerts


def written(tmp_path, text: str):
    (tmp_path / "alerts.yaml").write_text(text)
    return tmp_path / "alerts.yaml"


def test_default_rules_have_a_runbook():
    config = read_alerts()
    assert config.rules == DEFAULT_RULES
    assert {rule.metric for rule in config.rules.values()} == {
        "p95_ms", "fault_rate", "answers", "changes", "accuracy_drop", "disk_free_bytes",
    }  # fmt: skip
    assert all(rule.runbook for rule in config.rules.values())


def test_file_changes_and_adds_rules(tmp_path):
    text = """
rules:
  slow: {limit: 800, clear: 600, over: 30m}
  silent: {enabled: false}
  crowded: {metric: answers, limit: 5000, over: 1h, looks: 1}
webhooks: [https://hooks.example/T0/secret]
mail: {host: mail.example, sender: a@example, to: [b@example], password: hush}
"""
    config = read_alerts(written(tmp_path, text))
    slow = config.rules["slow"]
    assert (slow.limit, slow.clear, slow.over, slow.metric) == (800, 600, 1800, "p95_ms")
    assert slow.runbook == DEFAULT_RULES["slow"].runbook
    assert not config.rules["silent"].enabled
    assert config.rules["crowded"].over == 3600
    assert "hush" not in repr(config)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rules: {slow: {limt: 3}}", "limt"),
        ("rules: {slow: {limit: 500, clear: 600}}", "good side of the limit"),
        ("rules: {new: {limit: 3}}", "metric"),
        ("rules: {slow: {over: soon}}", "no span of time"),
        ("rules: [slow]", "must hold rules by name"),
        ("webhooks: ['file:///etc/passwd']", "no http or https address"),
        ("mail: {host: h, sender: s, to: []}", "to"),
        ("rules: {slow: [", "is no YAML"),
        ("!!python/object/apply:os.system ['true']", "is no YAML"),
        ("just a text", "must hold rules by name"),
    ],
)
def test_what_does_not_fit(tmp_path, text, sentence):
    with pytest.raises(InputError, match=r"alerts\.yaml") as error:
        read_alerts(written(tmp_path, text))
    assert sentence in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_alerts(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="should hold a few rules"):
        read_alerts(written(tmp_path, "#" * 1_000_001))


def test_limits():
    above = Rule(metric="p95_ms", limit=500, clear=400)
    assert [above.is_bad(v) for v in (499, 500, 501)] == [False, False, True]
    assert [above.is_good(v) for v in (400, 401)] == [True, False]
    below = Rule(metric="answers", limit=1, below=True)
    assert [below.is_bad(v) for v in (0, 1)] == [True, False]
    assert [below.is_good(v) for v in (0, 1)] == [False, True]
