"""Files for Prometheus and Alertmanager: where they are written, and who may read them."""

from __future__ import annotations

import pytest
import yaml

from aletheia.cli.alert_export import export_rules
from aletheia.core.errors import InputError


def test_files(tmp_path, capsys):
    alerts, rules, manager = tmp_path / "alerts.yaml", tmp_path / "out" / "rules.yml", tmp_path / "am.yml"
    alerts.write_text("rules: {slow: {enabled: false}}\nwebhooks: [https://hooks.example/secret]\n")
    export_rules(alerts, rules, manager, "faces")
    assert "rules_test.yml" in capsys.readouterr().out
    assert "AletheiaSlow" not in rules.read_text()
    assert 'job="faces"' in rules.read_text()
    assert (manager.stat().st_mode & 0o777, rules.stat().st_mode & 0o777) == (0o600, 0o644)
    assert yaml.safe_load(rules.with_name("rules_test.yml").read_text())["rule_files"] == ["rules.yml"]


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "alerts.yaml").write_text("webhooks: [https://hooks.example/secret]")
    with pytest.raises(InputError, match="is a folder"):
        export_rules(None, tmp_path, None, "aletheia")
    with pytest.raises(InputError, match="cannot be written"):
        export_rules(tmp_path / "alerts.yaml", None, tmp_path / "alerts.yaml" / "am.yml", "aletheia")
