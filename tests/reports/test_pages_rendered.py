"""Whole pages as a browser draws them: nothing beside the window, plots without faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from aletheia.audit.file_properties import shortcut_auc
from aletheia.evaluation.figures import evaluation_figures
from aletheia.release.gate import run_gate
from aletheia.reports.data_plots import preparation_figures
from aletheia.reports.data_report import render_data_report
from aletheia.reports.evaluation_report import render_evaluation_report

from ..rendering import in_browser

MEASURE = Path(__file__).with_name("measure_figures.js").read_text()
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def assert_without_faults(page: str, n_figures: int, folder: Path) -> None:
    file = folder / "page.html"
    file.write_text(page)
    faults, overflow = in_browser(file, f"() => [({MEASURE})(), {OVERFLOW}]", 700, folder)
    assert len(faults) == n_figures and {k: found for k, found in enumerate(faults) if found} == {}
    assert overflow <= 0


@pytest.mark.slow
def test_data_report_rendered(prepared, tmp_path):
    figures = preparation_figures(prepared.before, prepared.after, *prepared.bias)
    shortcut = shortcut_auc(prepared.train, prepared.test)
    assert_without_faults(render_data_report(figures, *prepared.bias, prepared.balancing, shortcut), 5, tmp_path)


@pytest.mark.slow
def test_evaluation_report_rendered(evaluation, tmp_path):
    figures = evaluation_figures(evaluation)
    page = render_evaluation_report(evaluation, figures, run_gate(evaluation.to_report()))
    assert_without_faults(page, len(figures), tmp_path)
