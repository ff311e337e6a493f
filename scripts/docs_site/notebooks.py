"""Pages of the notebooks, with the outputs of their last execution when there was one."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html import escape
from pathlib import Path
from typing import Any

import nbformat

#: Every plot on its own brings the whole library; the site has it once, as this file.
PLOTLY = "assets/plotly.min.js"
_LIBRARY = re.compile(r"<script[^>]*>(?:(?!</script>).){500000,}?</script>", re.DOTALL)
_CDN = re.compile(r'<script[^>]*src="https?://[^"]*plotly[^"]*"[^>]*></script>')
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
    page.markdown = "\n\n".join(part for part in parts if part) + "\n"
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
        inside = match[1].replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        smaller = _CDN.sub("", _LIBRARY.sub("", inside))
        if "Plotly.newPlot" in smaller:
            page.needs_plotly = True
            script = f'<script src="../../{PLOTLY}"></script>'
            smaller = smaller.replace("<head>", "<head>" + script, 1) if "<head>" in smaller else script + smaller
        return f'srcdoc="{escape(smaller)}" loading="lazy"'

    return _SRCDOC.sub(shared, html)


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
