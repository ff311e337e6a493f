"""Every figure of the project as a browser draws it: nothing cut, no text over text, marks inside of their axes."""

from __future__ import annotations

import ast
from pathlib import Path

import plotly.graph_objects as go
import pytest

import aletheia
from aletheia.plotting.html import html_page, plot

from ..rendering import in_browser
from .figure_cases import CASES, PARTS

WIDTH = 700  # of the page, in pixels: a cell of JupyterLab beside its file browser
_RETURNS = {"go.Figure", "dict[str, go.Figure]"}


@pytest.fixture(scope="module")
def faults(tmp_path_factory) -> dict[str, list[str]]:
    """Faults of each figure: drawn on one page, since a browser takes seconds to start."""
    folder = tmp_path_factory.mktemp("figures")
    page = folder / "figures.html"
    page.write_text(html_page("Figures", (plot(make()) for make in CASES.values())))
    measured = in_browser(page, Path(__file__).with_name("measure_figures.js").read_text(), WIDTH, folder)
    return dict(zip(CASES, measured, strict=True))


def test_every_figure_has_a_rendered_case():
    drawn = {name.split()[0] for name in CASES} | PARTS
    found = {
        node.name
        for file in Path(aletheia.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) in _RETURNS
    }
    assert {name for name in found if not name.startswith("_")} == drawn


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_figure_rendered(faults, name):
    assert faults[name] == []


def _heat_map(shift: int, number: int = 4) -> go.Figure:
    """Draw a heat map with one of its numbers so many cells too far to the right, off the axes if need be."""
    figure = CASES["grid_figures heat_map 6x3"]()
    figure.layout.annotations[number].x += shift
    return figure


@pytest.mark.slow
def test_measure_figures_notices_numbers_that_are_cells_off(tmp_path):
    page = tmp_path / "broken.html"
    page.write_text(html_page("Broken", map(plot, (_heat_map(0), _heat_map(1), _heat_map(9)))))
    script = Path(__file__).with_name("measure_figures.js").read_text()
    right, beside, outside = in_browser(page, script, WIDTH, tmp_path)
    assert right == []
    assert any(fault.startswith("another cell's number") for fault in beside)
    assert any(fault.startswith("a cell without its number") for fault in outside)
