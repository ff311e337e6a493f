"""Parts of HTML reports: pages that work offline, figures, tables."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import plotly.graph_objects as go

from aletheia.core.plot_library import library_inside

_STYLE = """
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1f1f1f; max-width: 1000px; margin: 2rem auto;
padding: 0 1rem; } h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.verdict, .finding { border-left: 6px solid #6b6b6b; background: #f5f5f5; padding: .4rem 1.2rem; margin: .6rem 0; }
.lead { padding: .8rem 1.2rem; margin: 1.2rem 0; font-size: 1.1rem; }
.good { border-color: #009E73; background: #eef8f4; } .bad { border-color: #D55E00; background: #fdf1ea; }
.beside { display: flex; gap: 1rem; flex-wrap: wrap; }
.beside div { flex: 1 1 260px; border: 1px solid #d0d0d0; border-radius: 6px; padding: .8rem 1rem; }
.beside b { font-size: 1.5rem; display: block; } .quiet { color: #5c5c5c; font-size: .9rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; font-size: .95rem; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #e2e2e2; vertical-align: top; }
.scroll { overflow-x: auto; } code { overflow-wrap: anywhere; } img { max-width: 100%; }
@media print { .plot { break-inside: avoid; } }
"""


def html_page(title: str, body: Iterable[str], *, with_plots: bool = True) -> str:
    """Join HTML parts to a page that loads nothing from elsewhere; with plots, plotly's code is inlined once."""
    library = library_inside() if with_plots else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<title>{escape(title)}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style>{library}</head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def figure_page(figure: go.Figure) -> str:
    """Return a page with nothing but a figure, the library inside."""
    page: str = figure.to_html(include_plotlyjs=False)
    return page.replace("<head>", f"<head>{library_inside()}", 1)


def plot(figure: go.Figure) -> str:
    """Render a figure as a part of such a page."""
    return f'<div class="plot">{figure.to_html(full_html=False, include_plotlyjs=False, default_width="100%")}</div>'


def table(head: Iterable[str], rows: Iterable[Iterable[str]], more: int = 0) -> str:
    """Render a table of cells that are HTML already; ``more`` is the number of rows left out."""
    top = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    rest = f'<p class="quiet">… and {more:,} more.</p>' if more else ""
    return f'<div class="scroll"><table>{f"<tr>{top}</tr>" if top else ""}{body}</table></div>{rest}'
