"""The generated parts of the documentation, and the checks of its pages."""

from __future__ import annotations

import base64
import importlib
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pydantic import BaseModel, Field

from aletheia.plotting.library import library_shared

from .commands import ROOT, aletheia_commands, command_problem, defined_targets, linked_paths, make_targets

pytestmark = pytest.mark.slow

PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.fixture(scope="module")
def site():
    """Import the modules of the generator, which are no part of the package."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        yield lambda name: importlib.import_module(f"docs_site.{name}")
    finally:
        sys.path.remove(str(ROOT / "scripts"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_names_only_what_exists(page):
    text = page.read_text()
    assert make_targets(text) <= defined_targets()
    problems = {" ".join(command): command_problem(command) for command in aletheia_commands(text)}
    assert {command: problem for command, problem in problems.items() if problem} == {}


def test_contributing_names_only_what_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert make_targets(text) <= defined_targets()
    named = linked_paths(text) | set(re.findall(r"`((?:docs|tests)/[\w/.-]+)`", text))
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_versions_agree():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_gate_check_has_a_section():
    checks = pytest.importorskip("aletheia.release.checks")
    anchors = set(re.findall(r"\{#(check-[\w-]+)\}", (ROOT / "docs/methodology.md").read_text()))
    assert anchors == {f"check-{check.code}" for check in checks.registered_checks()}


def test_lock_has_hashes_and_names_no_index():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [i for i, line in enumerate(lines) if "==" in line]
    assert len(pins) > 300
    assert all(lines[i].endswith(" \\") and "--hash=sha256:" in lines[i + 1] for i in pins)
    assert not [line for line in lines if "://" in line or line.startswith("-")]


def test_read_layers_matches_the_packages(site):
    layers = site("layers").read_layers(ROOT / "pyproject.toml")
    named = {name for layer in layers for name in layer}
    folder = ROOT / "aletheia"
    there = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert named == there - {"__init__", "__pycache__"}


def test_architecture_names_every_package(site):
    layers = site("layers").read_layers(ROOT / "pyproject.toml")
    text = (ROOT / "docs/architecture.md").read_text()
    assert [name for layer in layers for name in layer if f"](api/{name}.md)" not in text] == []


def test_draw_layers_places_boxes_by_layer(site):
    drawn = site("layers").draw_layers([["top"], ["left", "right"]], {"left": "api/left/"})
    boxes = [tuple(map(float, box)) for box in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', drawn)]
    (_, y0, w0), (x1, y1, w1), (x2, y2, w2) = boxes
    assert y0 < y1 == y2
    assert w1 == w2 < w0
    assert x1 + w1 < x2
    assert re.search(r'<a href="api/left/"><rect[^>]*/><text[^>]*>left</text></a>', drawn)


class _Example(BaseModel):
    size: int = Field(96, ge=16, lt=1024, description="Side | pixels.")
    name: str | None = Field(None, description="Who.")
    rates: list[float] = Field(default_factory=lambda: [0.1], description="Some.")


def test_fields_table_of_a_class_that_is_built(site):
    """The limits of the gate are those of its checks; the class that they are fields of has none itself."""
    assert "| `cell_auc` |" in site("tables").fields_table("aletheia.release.gate.limits_model")
    with pytest.raises(ValueError, match="GateLimits has no fields"):
        site("tables").fields_table("aletheia.release.gate.GateLimits")


def test_fields_table(site, monkeypatch):
    module = type(sys)("example_of_fields")
    module.Example = _Example  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "example_of_fields", module)
    lines = site("tables").fields_table("example_of_fields.Example").splitlines()
    assert lines[2] == "| `size` | int, ≥ 16, < 1,024 | `96` | Side \\| pixels. |"
    assert lines[3] == "| `name` | str or none | `None` | Who. |"
    assert lines[4] == "| `rates` | list of float | `[0.1]` | Some. |"


def test_presets_table(site):
    assert "| `photographs` | Pictures of strangers" in site("tables").presets_table()


def test_commands_page_names_every_option(site):
    page = site("tables").commands_page()
    assert "## `aletheia models inspect`" in page
    assert "aletheia audit [OPTIONS] SOURCE" in page
    assert re.search(r"\| `--face-margin` \| `0.2` \|", page)
    assert re.search(r"\| `--seed` \| `0` \|", page)


def test_http_api_page_links_schemas(site):
    module = site("http_api")
    page = module.http_api_page(module.describe_service())
    assert "### `POST /v1/predict`" in page
    anchors = set(re.findall(r"\{#([\w-]+)\}", page))
    assert set(re.findall(r"\]\(#([\w-]+)\)", page)) <= anchors
    assert "schema-answer" in anchors


def test_public_names_of_a_stub(site, tmp_path):
    stub = tmp_path / "__init__.pyi"
    stub.write_text("from .a import f as f\nfrom .b.c import G as G\n")
    assert site("api_pages").public_names(stub) == [("a", "f"), ("b.c", "G")]


def test_is_collected_but_for_assignments_of_tuples(site, tmp_path):
    (tmp_path / "a.py").write_text("X, Y = 1, 2\nZ = 3\n\n\ndef f(): ...\n")
    known = {name: site("api_pages").is_collected(tmp_path / "a", name) for name in ("X", "Y", "Z", "f")}
    assert known == {"X": False, "Y": False, "Z": True, "f": True}


def test_render_formulas(site):
    html = '<p><span class="arithmatex">\\(a &lt; b\\)</span></p><div class="arithmatex">\\[x^2\\]</div>'
    drawn = site("maths").render_formulas(html)
    assert drawn.count("<math") == 2
    assert 'display="block"' in drawn
    assert "arithmatex" not in drawn


def write_site(folder: Path, pages: dict[str, str]) -> Path:
    for name, html in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html)
    return folder


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<a href="other/#there">x</a><a href="https://example.org">x</a>', None),
        ('<a href="other/#elsewhere">x</a>', "has no such anchor"),
        ('<a href="missing/">x</a>', "does not exist"),
        ('<a href="/other/">x</a>', "is absolute"),
        ('<a href="../outside.html">x</a>', "does not exist"),
        ('<script src="https://example.org/x.js"></script>', "from elsewhere"),
        ('<img src="//example.org/x.png">', "from elsewhere"),
        ('<img src="missing.png">', "does not exist"),
    ],
)
def test_check_site(site, tmp_path, html, problem):
    (tmp_path / "outside.html").write_text("")
    folder = write_site(tmp_path / "site", {"index.html": html, "other/index.html": '<h1 id="there">x</h1>'})
    problems = site("links").check_site(folder)
    assert problems == [] if problem is None else (len(problems) == 1 and problem in problems[0])


def notebook(*cells: Any) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_markdown_cell("# Title\n\nSee [next](01-next.ipynb)."), *cells])


def write_notebook(path: Path, node: nbformat.NotebookNode) -> Path:
    nbformat.write(node, path)
    return path


def test_render_notebook_without_outputs(site, tmp_path):
    source = write_notebook(tmp_path / "00-x.ipynb", notebook(new_code_cell("1 + 1")))
    page = site("notebooks").render_notebook(source, tmp_path / "missing.ipynb")
    assert "# Title" in page.markdown
    assert "(01-next.md)" in page.markdown
    assert "Without outputs" in page.markdown
    assert "```python\n1 + 1\n```" in page.markdown
    assert page.outputs == {}


def test_render_notebook_with_outputs(site, tmp_path):
    png = base64.b64encode(b"\x89PNG picture").decode()
    outputs = [
        new_output("stream", text="\x1b[31mred\x1b[0m <b>\n 10%\r 50%\r100%\n"),
        new_output("display_data", data={"image/png": png}),
        new_output("display_data", data={"text/html": "<table></table>"}),
    ]
    source = write_notebook(tmp_path / "00-x.ipynb", notebook(new_code_cell("1 + 1")))
    executed = write_notebook(tmp_path / "ran.ipynb", notebook(new_code_cell("1 + 1", outputs=outputs)))
    module = site("notebooks")
    page = module.render_notebook(source, executed)
    assert "Without outputs" not in page.markdown
    ((name, content),) = page.pictures.items()
    assert content == b"\x89PNG picture"
    assert f"]({name})" in page.markdown
    keys = re.findall(r'<div id="(nb-output-[\w-]+)"></div>', page.markdown)
    html = module.insert_outputs("".join(f'<div id="{key}"></div>' for key in keys), page)
    assert "red &lt;b&gt;\n100%</pre>" in html
    assert "<table></table>" in html


def test_render_notebook_ignores_outputs_of_other_cells(site, tmp_path):
    source = write_notebook(tmp_path / "00-x.ipynb", notebook(new_code_cell("1 + 2")))
    output = new_output("stream", text="2")
    executed = write_notebook(tmp_path / "ran.ipynb", notebook(new_code_cell("1 + 1", outputs=[output])))
    page = site("notebooks").render_notebook(source, executed)
    assert "Without outputs" in page.markdown
    assert page.outputs == {}


@pytest.mark.parametrize(
    "library", ["<script>" + "x" * 600_000 + "</script>", library_shared(holds_library=True)], ids=["inside", "shared"]
)
def test_render_notebook_shares_the_library_of_plots(site, tmp_path, library):
    plot = f"<html><head></head><body>{library}<script>Plotly.newPlot('a', [])</script></body></html>"
    escaped = plot.replace("&", "&amp;").replace('"', "&quot;")
    output = new_output("display_data", data={"text/html": f'<iframe srcdoc="{escaped}" height="520"></iframe>'})
    source = write_notebook(tmp_path / "00-x.ipynb", notebook(new_code_cell("show()")))
    executed = write_notebook(tmp_path / "ran.ipynb", notebook(new_code_cell("show()", outputs=[output])))
    page = site("notebooks").render_notebook(source, executed)
    assert page.needs_plotly
    module, node = site("notebooks"), nbformat.read(executed, as_version=4)
    module.slim(node)
    assert len(str(node)) < 2000
    slimmed = module.render_notebook(source, write_notebook(tmp_path / "slim.ipynb", node))
    assert list(slimmed.outputs.values()) == list(page.outputs.values())
    (html,) = page.outputs.values()
    assert len(html) < 1000
    assert "assets/plotly.min.js" in html
    assert "Plotly.newPlot" in html
