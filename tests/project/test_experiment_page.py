"""Experiments as pictures."""

from __future__ import annotations

import numpy as np

from aletheia.project.experiment_page import experiments_figure, render_comparison
from aletheia.stats.estimate import Estimate

from .test_experiment_text import comparison
from .test_experiments import experiment


def test_experiments_figure_marks():
    results = {"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95, "best_control_auc": 0.7, "verdict": "production"}
    runs = [experiment(results=results), experiment("b" * 32, results={**results, "auc": 0.6, "verdict": "candidate"})]
    figure = experiments_figure([*runs, experiment("c" * 32, results={})])
    marks = {trace.name: trace for trace in figure.data}
    assert list(marks) == ["candidate", "production", "best control without faces"]
    production = marks["production"]
    assert (production.x, production.y) == ((0.9,), (1,)), "the newest on top"
    np.testing.assert_allclose([production.error_x.array[0], production.error_x.arrayminus[0]], [0.05, 0.1])
    assert figure.layout.yaxis.ticktext == ("bbbbbbbb", "aaaaaaaa")


def test_experiments_figure_of_nothing():
    assert "No run" in experiments_figure([experiment(results={})]).layout.annotations[0].text


def test_render_comparison_escapes_names():
    result = comparison(Estimate(0.05, 0.01, 0.09))
    page = render_comparison(result, [experiment(label="<script>x</script>"), result.second])
    assert "<script>x" not in page and "bbbbbbbb is better" in page and "<td>epochs</td><td>3</td><td>5</td>" in page
    assert "<p>None.</p>" in page, "no result differs"
