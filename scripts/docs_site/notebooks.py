"""Pages of the notebooks, with the outputs of their last execution when there was one."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html import escape, unescape
from pathlib import Path
from typing import Any

import nbformat

#: Every plot on its own brings the whole library; the site has it once, as this file.
PLOTLY = "assets/plotly.min.js"
_LIBRARY = re.compile(r"<script[^>]*>(?:(?!</script>).){500000,}?</script>", re.DOTALL)
_PART = re.compile(r"<!-- plot library -->.*?<!-- end of plot library -->", re.DOTALL)
_CDN = re.compile(r'<script[^>]*src="https?://[^"]*plotly[^"]*"[^>]*></script>')
#: Frames are as high as what is in them.
_FIT = "this.style.height = this.contentDocument.documentElement.scrollHeight + 'px'"
_SRCDOC = re.compile(r'srcdoc="([^"]*)"')
_ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_BAR = re.compile(r"^.*\r(?!\n|$)", re.MULTILINE)
_LINK = re.compile(r"\]\(([\w-]+)\.ipynb\)")
_SOURCE_ONLY = (
    '!!! note "Without outputs"\n    This site was built without executing the notebooks. `make docs-notebooks` '
    "executes them and builds the site again.\n"
)


@dataclasses.dataclass
class NotebookPage:
    """A page in Markdown; outputs stand in it as placeholders, and pictures are files beside it."""

    markdown: str
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)
    pictures: dict[str, bytes] = dataclasses.field(default_factory=dict)
    needs_plotly: bool = False


def render_notebook(source: Path, executed: Path | None) -> NotebookPage:
    """Render a notebook as a page.

    Parameters
    ----------
    source : Path
        The notebook of the checkout.
    executed : Path, optional
        The same notebook with outputs. It is not used if its cells differ from the source's.
    """
    notebook = nbformat.read(source, as_version=4)
    ran = nbformat.read(executed, as_version=4) if executed and executed.is_file() else None
    if ran is not None and cell_texts(ran) != cell_texts(notebook):
        ran = None
    page = NotebookPage("")
    parts: list[str] = []
    for cell in (ran or notebook).cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            parts.append(_LINK.sub(r"](\1.md)", cell.source))
            if len(parts) == 1:
                parts.append(f"The file is `notebooks/{source.name}`.")
                parts += [] if ran is not None else [_SOURCE_ONLY]
        elif cell.cell_type == "code" and cell.source.strip():
            if "injected-parameters" in tags:
                parts.append("The parameters of this execution, smaller than the defaults above:")
            parts.append(f"```python\n{cell.source}\n```")
            parts += [_output(output, page, source.stem) for output in cell.get("outputs", [])]
    # Plots want the width that the table of contents would take.
    page.markdown = "\n\n".join(["---\nhide: [toc]\n---", *filter(None, parts)]) + "\n"
    return page


def cell_texts(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the cells' texts without the one that papermill injects."""
    return [cell.source for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]


def _output(output: Any, page: NotebookPage, name: str) -> str:
    if output.output_type == "stream":
        text = _plain(output.text)
        return _keep(f"<pre class='nb-text'>{escape(text)}</pre>", page) if text else ""
    if output.output_type == "error":
        return _keep(f"<pre class='nb-text'>{escape(_plain(chr(10).join(output.traceback)))}</pre>", page)
    data = output.data
    if "image/png" in data:
        content = base64.b64decode(data["image/png"])
        file = f"{name}-{hashlib.sha256(content).hexdigest()[:10]}.png"
        page.pictures[file] = content
        return f"![Output of the cell above]({file})"
    if "application/vnd.jupyter.widget-view+json" in data:
        return ""  # progress bars
    if "text/html" in data:
        return _keep(f'<div class="nb-html">{_html(data["text/html"], page)}</div>', page)
    return _keep(f"<pre class='nb-text'>{escape(_plain(data.get('text/plain', '')))}</pre>", page)


def _html(html: str, page: NotebookPage) -> str:
    def shared(match: re.Match[str]) -> str:
        inside = without_library(unescape(match[1]))
        if "Plotly.newPlot" in inside:
            page.needs_plotly = True
            script = f'<script src="../../{PLOTLY}"></script>'
            inside = inside.replace("<head>", "<head>" + script, 1) if "<head>" in inside else script + inside
        return f'srcdoc="{escape(inside)}" loading="lazy" onload="{_FIT}"'

    return _SRCDOC.sub(shared, html)


def without_library(html: str) -> str:
    """Remove the library of plots from a page, or the reference to it."""
    return _CDN.sub("", _LIBRARY.sub("", _PART.sub("", html)))


def slim(notebook: nbformat.NotebookNode) -> None:
    """Remove the library of plots from all outputs of a notebook: megabytes, which the site has once."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = _SRCDOC.sub(
                    lambda match: f'srcdoc="{escape(without_library(unescape(match[1])))}"', data["text/html"]
                )


def _plain(text: str) -> str:
    """Return a terminal's text as it stood at the end: without colours, and with the last state of each bar."""
    lines = (_BAR.sub("", line) for line in _ANSI.sub("", text).split("\n"))
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _keep(html: str, page: NotebookPage) -> str:
    key = f"nb-output-{len(page.outputs)}-{hashlib.sha256(html.encode()).hexdigest()[:8]}"
    page.outputs[key] = html
    return f'<div id="{key}"></div>'


def insert_outputs(html: str, page: NotebookPage) -> str:
    """Put the outputs in the places that the page keeps for them."""
    for key, output in page.outputs.items():
        html = html.replace(f'<div id="{key}"></div>', output)
    return html
