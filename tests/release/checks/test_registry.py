"""Checks from outside take part: registered in this process, or by an installed package."""

from __future__ import annotations

import sys

import pytest

from aletheia.core.errors import InputError
from aletheia.models.spec import ModelSpec
from aletheia.release.checks import registry as registry_module
from aletheia.release.checks.listing import PLUGIN_GROUP, registered_checks
from aletheia.release.checks.registry import register_check
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate import GateLimits, limits_model, run_gate
from aletheia.release.gate_check import GateCheck, Limit
from aletheia.release.model_card import render_model_card
from aletheia.reports.evaluation_report import render_evaluation_report

PLUGIN = '''
from aletheia.release import GateCheck, Limit, register_check


@register_check
class EnoughFaces(GateCheck):
    """The test set is not a small one."""

    code = "enough-faces"
    name = "enough test faces"
    limit = Limit("test_faces", 100, "Least number of test faces.", ge=1)

    def judge(self, report, context):
        return self.result(report.n >= context.limit, f"{report.n} test faces; at least {context.limit:g}")
'''


@pytest.fixture
def registry():
    """Keep what a test registers from the others."""
    registered_checks()
    before = dict(registry_module.registry)
    yield
    registry_module.registry.clear()
    registry_module.registry.update(before)


@pytest.fixture
def plugin(registry, tmp_path, monkeypatch):
    """Put a package on the path that declares a check, as an installer would have left it there."""
    (tmp_path / "gate_plugin.py").write_text(PLUGIN)
    info = tmp_path / "gate_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gate_plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{PLUGIN_GROUP}]\nenough_faces = gate_plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("aletheia.core.plugins._loaded", set())
    yield
    sys.modules.pop("gate_plugin", None)


class _LeastRows(GateCheck):
    """The test set is not a small one."""

    code = "least-rows"
    name = "enough rows"
    limit = Limit("rows", 10, "Least number of rows.")

    def judge(self, report, context):
        return self.result(report.n >= context.limit, f"{report.n} rows")


def test_register_check_takes_part(registry, good_report):
    assert register_check(_LeastRows) is _LeastRows
    result = run_gate(good_report, GateLimits.parse({"rows": 301}))[-1]
    assert (result.name, result.passed, result.detail) == ("enough rows", False, "300 rows")


@pytest.mark.parametrize(
    ("field", "value"), [("code", "calibrated"), ("name", "no leakage"), ("limit", Limit("cell_auc", 1.0, ""))]
)
def test_register_check_twice(registry, field, value):
    before = registered_checks()
    with pytest.raises(ValueError, match="already has a check with '"):
        register_check(type("Second", (_LeastRows,), {field: value}))
    assert registered_checks() == before


@pytest.mark.slow
def test_entry_point_reaches_verdict_card_and_page(plugin, good, evaluation):
    assert "test_faces" in limits_model().model_fields
    limits = GateLimits.parse({"test_faces": 1000, "cell_auc": 0.6})
    report = EvaluationReport.parse(good)
    results = run_gate(report, limits)
    assert results[-1].code == "enough-faces" and results[-1].verdict == "FAILED"
    assert results[-1].detail == "300 test faces; at least 1000"
    assert run_gate(report)[-1].detail == "300 test faces; at least 100"
    spec = ModelSpec(architecture="attention_cnn", input_size=96)
    card = render_model_card(spec, report, results, tag="candidate")
    assert "| enough test faces | FAILED | 300 test faces; at least 1000 |" in card
    page = render_evaluation_report(evaluation, {}, run_gate(evaluation.to_report(), limits))
    assert "<td>enough test faces</td><td><b>failed</b></td><td>119 test faces; at least 1000" in page, page[
        page.index("enough test faces") :
    ][:300]


def test_entry_point_that_clashes_is_named(plugin, tmp_path):
    source = PLUGIN.replace('"enough-faces"', '"calibrated"')
    (tmp_path / "gate_plugin.py").write_text(source)
    with pytest.raises(InputError, match=r"gate_plugin.*already has a check with 'calibrated'"):
        registered_checks()
