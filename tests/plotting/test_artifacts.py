"""Artifacts with plots: one library for a store, pages that draw from disk and from the tracking service."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import plotly.graph_objects as go
import pytest

from aletheia.core.plot_library import library_name
from aletheia.plotting.artifacts import FigureArtifact, PageArtifact
from aletheia.plotting.html import html_page, plot
from aletheia.project import run_handler
from aletheia.tracking import folders

from ..rendering import render

FIGURE = go.Figure(go.Scatter(y=[1, 3, 2]))


def draw(context, remote: bool = False):
    """Log a figure and a page of two figures."""
    if remote:
        context.artifact_path = "memory://store"
    context.log_artifact(FigureArtifact("figure", FIGURE))
    context.log_artifact(PageArtifact("report", html_page("Report", [plot(FIGURE), plot(FIGURE)])))


def drawn(document: str) -> int:
    return len(re.findall(r'<path class="js-line"', document))


@pytest.mark.slow
def test_figure_artifact_one_library_for_all_runs(mlrun_project, tracking_home, tmp_path):
    runs = [run_handler(draw) for _ in range(2)]
    store = tmp_path / "artifacts"
    pages = sorted(store.rglob("*.html"))
    assert [page.name for page in pages] == ["figure.html", "report.html"] * 2
    assert [file.name for file in store.rglob("*.js")] == [library_name()]
    assert sum(page.stat().st_size for page in pages) < 100_000
    figure, report = pages[:2]
    assert (drawn(render(figure, tmp_path)), drawn(render(report, tmp_path))) == (1, 2)
    assert runs[0].artifact("report").get().decode().count("newPlot(") == 2


def test_page_artifact_opened_from_the_tracking_service(mlrun_project, tracking_home, tracking_url, tmp_path):
    run_handler(draw)
    store = tmp_path / "artifacts"
    folders.allow(tracking_home, store)
    (page,) = store.rglob("report.html")
    address = f"{tracking_url}/api/v1/projects/{mlrun_project.name}/files?path={quote(str(page))}"
    assert drawn(render(address, tmp_path)) == 2


def test_page_artifact_on_a_remote_store_keeps_the_library_inside(mlrun_project, tmp_path):
    run = run_handler(draw, params={"remote": True})
    page = run.artifact("report").get()
    assert not list(Path().rglob("plotly-*.min.js")) and len(page) < 2_000_000
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "page.html").write_text(page)  # downloaded
    assert drawn(render(tmp_path / "alone" / "page.html", tmp_path)) == 2
