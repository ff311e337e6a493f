"""The page of an evaluation."""

from __future__ import annotations

import dataclasses
import re

import pytest

from aletheia.core.plot_library import PACKED_ID
from aletheia.evaluation.figures import evaluation_figures
from aletheia.evaluation.result import Evaluation
from aletheia.models.spec import ModelSpec
from aletheia.release.gate import run_gate
from aletheia.release.gate_check import CheckResult
from aletheia.reports.evaluation_report import render_evaluation_report

from .helpers import without_scripts

PASSED = CheckResult("no leakage", "passed", "0 groups", code="no-leakage")


def render(evaluation: Evaluation, checks: list[CheckResult]) -> str:
    return without_scripts(render_evaluation_report(evaluation, {}, checks))


def test_render_evaluation_report_is_one_file(evaluation: Evaluation) -> None:
    figures = evaluation_figures(evaluation)
    page = render_evaluation_report(evaluation, figures, run_gate(evaluation.to_report()))
    assert page.count(f'id="{PACKED_ID}"') == 1  # the library's banner: inside, once
    markup = without_scripts(page)
    assert not re.search(r"(?i)<(script|link|img|iframe)\b", markup) and "http" not in markup
    assert not re.search(r"<script[^>]*src", page)
    assert page.count('class="plotly-graph-div"') == len(figures) == 15


def test_render_evaluation_report_order(evaluation: Evaluation) -> None:
    page = render(evaluation, run_gate(evaluation.to_report()))
    body = page[page.index("<body>") :]
    headings = re.findall(r"<h2>(.*?)</h2>", body)
    assert headings == [
        "Beside the training",
        "Checks",
        "Comparison with baselines",
        "Shortcuts in the data",
        "Where it finds its evidence",
        "Metrics",
        "Groups of people",
        "Generators and sources",
        "Other deliveries of the same faces",
        "Calibration",
        "Abstention",
        "Alarms where fakes are rare",
        "Rows that could not be read",
        "Provenance",
    ]
    assert body.index('class="verdict') < body.index('class="beside') < body.index("<h2>Checks")


def test_render_evaluation_report_headline_numbers(evaluation: Evaluation) -> None:
    page, report = render(evaluation, [PASSED]), evaluation.to_report()
    best = max(baseline.auc for baseline in report.baselines.values())
    assert f"<div>AUC<b>{report.metrics.auc.value:.3f}</b>" in page and f": {best:.3f}</span>" in page
    assert f"always saying the larger class: {89 / 119:.3f}" in page
    assert "threshold 0.600 (set by hand)" in page
    assert f"over {report.n_groups} groups of 30 people, not over pictures" in page
    assert evaluation.spec.weights_sha256 in page and evaluation.data_hash in page
    assert f"Expected calibration error {report.calibration_error.estimate}" in page


def test_render_evaluation_report_verdicts(evaluation: Evaluation) -> None:
    accepted = CheckResult("<i>a</i>", "not judged", "", exception="accepted")
    loosened = CheckResult("b", "passed", "", limit=0.5, default_limit=0.7, is_loosened=True)
    page = render(evaluation, [PASSED, accepted, loosened])
    assert 'class="verdict lead good"' in page and "It passed 2 of 3 checks (below)." in page
    assert "A person accepted:</b> &lt;i&gt;a&lt;/i&gt;. <b>Limits were loosened:</b> b (0.5 in place of 0.7)." in page
    page = render(evaluation, [PASSED, CheckResult("<b>one</b>", "failed", ""), CheckResult("two", "failed", "")])
    assert 'class="verdict lead bad"' in page and "it failed: &lt;b&gt;one&lt;/b&gt;, two." in page


def test_render_evaluation_report_undecided_check_counts(evaluation: Evaluation) -> None:
    """A check that the data cannot decide, and have to, is named as such, and the faces are not called unseen."""
    undecided = CheckResult("no leakage", "not judged", "x", code="no-leakage")
    page = render(evaluation, [undecided, CheckResult("two", "failed", "")])
    assert "it failed: two; the data cannot decide, and have to: no leakage." in page
    assert 'class="verdict lead bad"' in page and "that it never saw" not in page


def test_render_evaluation_report_unreadable_rows(evaluation: Evaluation) -> None:
    page = render(evaluation, [PASSED])
    assert "Unreadable, and in none of the numbers: 1 row (see below)" in page
    assert "&lt;b&gt;gone&lt;/b&gt;.png" in page and "<b>gone" not in page


@pytest.mark.parametrize(("state", "unseen"), [("passed", True), ("failed", False), ("not judged", False)])
def test_render_evaluation_report_unseen_only_when_judged(evaluation: Evaluation, state, unseen) -> None:
    page = render(evaluation, [CheckResult("no leakage", state, "", code="no-leakage")])
    assert ("119 test faces that it never saw, the network" in page) == unseen


def test_render_evaluation_report_delivery_note(evaluation: Evaluation) -> None:
    delivery = evaluation.delivery.copy()
    delivery.attrs["note"] = "8 faces of <120>."
    page = render(dataclasses.replace(evaluation, delivery=delivery), [PASSED])
    section = page.split("<h2>Other deliveries of the same faces</h2>")[1].split("<h2>")[0]
    assert "8 faces of &lt;120&gt;." in section


def test_render_evaluation_report_unknown_figures_come_last(evaluation: Evaluation) -> None:
    figure = evaluation_figures(evaluation)["roc"].update_layout(title="an extra figure")
    page = render_evaluation_report(evaluation, {"extra": figure}, [PASSED])
    assert page.index("<h2>Alarms where") < page.rindex("an extra figure") < page.index("<h2>Rows that")


def test_render_evaluation_report_undefined(evaluation: Evaluation) -> None:
    """Of one class only: neither AUC nor calibration error."""
    nan = float("nan")
    values = evaluation.metrics.values | {"auc": dataclasses.replace(evaluation.metrics["auc"], value=nan)}
    page = render(
        dataclasses.replace(
            evaluation,
            metrics=dataclasses.replace(evaluation.metrics, values=values),
            calibration=dataclasses.replace(evaluation.calibration, value=nan),
            spec=ModelSpec(architecture="attention_cnn", input_size=32, threshold_how="<b>"),
        ),
        [PASSED],
    )
    assert "<div>AUC<b>not defined</b><span class='quiet'>95 % interval –" in page
    assert "Expected calibration error" not in page and "(&lt;b&gt;)" in page
