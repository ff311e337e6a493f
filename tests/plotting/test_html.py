"""Parts of HTML reports."""

from __future__ import annotations

import re

import plotly.graph_objects as go

from aletheia.core.plot_library import PACKED_ID
from aletheia.plotting.html import html_page, plot, table


def test_html_page_loads_nothing_and_escapes_its_title():
    page = html_page("a < b & <script>", ["<p>text</p>", plot(go.Figure(go.Scatter(y=[1, 2])))])
    assert "<title>a &lt; b &amp; &lt;script&gt;</title>" in page
    assert not re.search(r"<(?:script|link|img)[^>]*(?:src|href)=", page)
    assert page.count(f'id="{PACKED_ID}"') == 1 and "Plotly.newPlot" in page


def test_plot_holds_no_copy_of_the_library():
    assert len(plot(go.Figure(go.Scatter(y=[1, 2])))) < 20_000


def test_table_says_how_many_rows_are_left_out():
    html = table(["a", "b"], [["1", "<b>2</b>"]], more=1234)
    assert html.count("<tr>") == 2
    assert "<td><b>2</b></td>" in html  # cells are HTML already
    assert "… and 1,234 more." in html
    assert "more" not in table([], [["1"]])
