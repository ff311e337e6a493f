"""Pages that share the library of plots, rendered."""

from __future__ import annotations

import re
from html import escape

import plotly.graph_objects as go
import pytest

from aletheia.core.plot_library import library_name, with_library, write_library
from aletheia.plotting.html import figure_page
from aletheia.plotting.library import library_linked, library_shared

from ..rendering import in_browser, render

FIGURE = go.Figure(go.Scatter(y=[1, 3, 2]))
DRAWN = re.compile(r'<path class="js-line"')


@pytest.mark.parametrize("library_at", ["store", "beside", "nowhere"])
def test_library_linked_page_opened_from_disk(tmp_path, library_at):
    run = tmp_path / "store" / "run" / "step"
    run.mkdir(parents=True)
    page = run / "figure.html"
    page.write_text(with_library(figure_page(FIGURE), library_linked("../..")))
    assert page.stat().st_size < 20_000
    if library_at != "nowhere":
        write_library(tmp_path / "store" if library_at == "store" else run)
    document = render(page, tmp_path)
    assert len(DRAWN.findall(document)) == (library_at != "nowhere")
    visible = re.sub(r"<script.*?</script>", "", document, flags=re.DOTALL)
    assert (f"the file {library_name()} is missing" in visible) == (library_at == "nowhere")


def test_library_linked_runs_only_the_library_from_a_service():
    part = library_linked("..", "http://127.0.0.1:8765/")
    served = re.findall(r'src=\\"(\S*?)\\"( integrity)?', part)
    name = library_name()
    assert served == [
        (name, ""),
        (f"/api/v1/{name}", " integrity"),
        (f"http://127.0.0.1:8765/api/v1/{name}", " integrity"),
    ]


def test_library_inside_draws_in_a_page_that_is_handed_on_alone(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(figure_page(FIGURE))
    assert page.stat().st_size < 2_000_000
    document = render(page, tmp_path)
    assert len(DRAWN.findall(document)) == 1 and not re.search(r"<(script|link|img)[^>]*(src|href)=", document)


def test_library_inside_draws_in_a_frame_that_has_no_rights(tmp_path):
    """As the MLRun UI shows a page, and the tracking service sends it: in a sandbox."""
    told = (
        "<script>setInterval(() => parent.postMessage(document.querySelectorAll('.js-line').length, '*'), 500)</script>"
    )
    frame = escape(figure_page(FIGURE).replace("</body>", f"{told}</body>"))
    ui = tmp_path / "ui.html"
    ui.write_text(f'<iframe sandbox="allow-scripts" srcdoc="{frame}"></iframe>')
    drawn = "() => new Promise(done => addEventListener('message', event => event.data && done(event.data)))"
    assert in_browser(ui, drawn, 700, tmp_path) == 1


def test_library_inside_says_what_an_old_browser_lacks(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(figure_page(FIGURE).replace("<head>", "<head><script>delete window.DecompressionStream</script>"))
    document = render(page, tmp_path)
    visible = re.sub(r"<script.*?</script>", "", document, flags=re.DOTALL)
    assert "need a browser of 2023 or later" in visible and not DRAWN.search(document)


@pytest.mark.slow
@pytest.mark.parametrize("holder", [0, 2, None])
def test_library_shared_once_for_a_notebook(tmp_path, holder):
    """Three frames draw with one packed copy, whichever frame holds it; without any they say what to do."""
    frames = []
    for i in range(3):
        page = with_library(figure_page(FIGURE), library_shared(holds_library=i == holder))
        frames.append(f'<iframe id="f{i}" srcdoc="{page.replace("&", "&amp;").replace(chr(34), "&quot;")}"></iframe>')
    count = (
        "<script>addEventListener('load', () => setTimeout(() => { document.title = [0, 1, 2].map(i => {"
        "let d = document.getElementById('f' + i).contentDocument;"
        "return d.querySelectorAll('.js-line').length + ':' + d.body.textContent.includes('first plot again')"
        "}).join(' ')}, 15000))</script>"
    )
    notebook = tmp_path / "notebook.html"
    notebook.write_text("<html><body>" + "".join(frames) + count + "</body></html>")
    assert notebook.stat().st_size < 2_500_000
    (title,) = re.findall("<title>(.*?)</title>", render(notebook, tmp_path))
    expected = "0:true" if holder is None else "1:false"
    assert title == " ".join([expected] * 3)
