"""Every rule: a notebook that breaks this one alone has this one finding, at the right cell and line."""

import ast
import json
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from aletheia.project.lint import VOLATILE, lint_notebook
from aletheia.project.unbound_names import unbound_names

ROOT = Path(__file__).parents[2]
#: fault -> (the region of an otherwise usual notebook; the rule; cell and line; words of the message)
IN_REGION = {
    "line magic": ("%matplotlib inline\n{job}", "magic", (3, 2), "%matplotlib"),
    "cell magic": ("%%bash\necho", "magic", (3, 2), "%%bash"),
    "shell line": ("!pip install x\n{job}", "magic", (3, 2), "!pip"),
    "indented magic": ("{job}\nif True:\n    %time f()", "magic", (3, 18), "%time"),
    "indented shell line": ("{job}\nfor i in []:\n    !ls", "magic", (3, 18), "!ls"),
    "assigned shell line": ("{job}\nfiles = !ls", "magic", (3, 17), "files = !ls"),
    "assigned magic": ("{job}\nt = %timeit -o 1", "magic", (3, 17), "%timeit"),
    "help": ("{job}\nmlrun.run?", "magic", (3, 17), "mlrun.run?"),
    "nuclio magic": ('# %nuclio config kind = "x"\n{job}', "magic", (3, 2), "%nuclio"),
    "line of a text that MLRun drops": ('{job}\nX = """\n%lost\n"""', "magic", (3, 18), "%lost"),
    "syntax": ("{job}\nx = (1,\n", "syntax", (3, 17), "not Python"),
    "await in a cell": ("{job}\nawait x", "syntax", (3, 17), "await"),
    "return in a cell": ("{job}\nreturn 1", "syntax", (3, 17), "return"),
    "configuration": ("# mlrun: config color=red\n{job}", "config", (3, 2), "color"),
    "no handler": ("import mlrun\n_x = 1", "handler", (3, 2), "0 public functions"),
    "two handlers": (
        'def a() -> int:\n    """Do."""\n\n\ndef b() -> int:\n    """Do."""',
        "handler",
        (3, 2),
        "2 public",
    ),
    "unknown handler": ("# mlrun: config handler=other\n{job}", "handler", (3, 2), "'other'"),
    "no class": ("# mlrun: config kind=serving\nimport mlrun", "handler", (3, 2), "0 public classes"),
    "unknown class": (
        "# mlrun: config kind=serving class=Other\nimport mlrun",
        "handler",
        (3, 2),
        "'Other'",
    ),
    "MLRun's own name": (
        "# mlrun: config kind=serving\nclass A:\n    pass\n\n\ndef handler():\n    pass",
        "handler",
        (3, 7),
        "'handler'",
    ),
    "no docstring": ("def f(a: int):\n    return a", "docstring", (3, 2), "no docstring"),
    "undocumented": (
        'def f(a: int,\n      b: int):\n    """Do.\n\n    :param a: x\n    """',
        "docstring",
        (3, 3),
        "'b'",
    ),
    "documented but gone": (
        'def f():\n    """Do.\n\n    :param old: x\n    """',
        "docstring",
        (3, 2),
        "'old'",
    ),
    "unknown field": ('def f():\n    """Do.\n\n    :return: x\n    """', "docstring", (3, 2), "':return:'"),
    "no type hint": ('def f(a):\n    """Do.\n\n    :param a: x\n    """', "type-hint", (3, 2), "'a'"),
    "default": (
        'K = 3\n\n\ndef f(a: int = K):\n    """Do.\n\n    :param a: x\n    """',
        "signature",
        (3, 5),
        "K",
    ),
    "positional": ('def f(*a: int):\n    """Do."""', "signature", (3, 2), "by name"),
    "parameter used as a global": (
        'def f() -> float:\n    """Do."""\n    return factor',
        "outside-name",
        (3, 4),
        "defined in cell 2",
    ),
    "unknown name": (
        'def f() -> float:\n    """Do."""\n    return numpy.pi',
        "outside-name",
        (3, 4),
        "'numpy' is defined nowhere",
    ),
    "name of a notebook": ('def f():\n    """Do."""\n    display(1)', "outside-name", (3, 4), "'display'"),
    "relative import": ('from . import x\n\n\ndef f():\n    """Do."""', "local-import", (3, 2), "'.'"),
    "neighbour": ('import helpers\n\n\ndef f():\n    """Do."""', "local-import", (3, 2), "'helpers'"),
    "home": ('P = "/home/me/x"\n\n\ndef f():\n    """Do."""', "local-path", (3, 2), "/home/me/x"),
    "hints as text": (
        'from __future__ import annotations\n\n\ndef f():\n    """Do."""',
        "future-annotations",
        (3, 2),
        "annotations",
    ),
}


def lint(make, root, cells, name="01-scale.ipynb", **metadata):
    return lint_notebook(make.write_notebook(root / "notebooks" / name, cells, **metadata), root)


def test_lint_notebook_good_notebooks(tmp_path, make):
    assert lint(make, tmp_path, make.notebook_cells(make.JOB)) == []
    assert lint(make, tmp_path, make.notebook_cells(make.SERVING)) == []


@pytest.mark.parametrize("case", IN_REGION)
def test_lint_region_rules(tmp_path, make, case):
    region, rule, place, words = IN_REGION[case]
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "helpers.py").touch()
    findings = lint(make, tmp_path, make.notebook_cells(region.format(job=make.JOB) if "{job}" in region else region))

    assert [finding.rule for finding in findings] == [rule]
    (finding,) = findings
    assert (finding.cell, finding.line) == place
    assert words in finding.message and finding.remedy
    assert str(finding).startswith(f"notebooks/01-scale.ipynb, cell {place[0]}, line {place[1]}: ")


def test_lint_notebook_markers(tmp_path, make):
    parameters, job = make.code_cell("a = 1", tags=("parameters",)), make.JOB
    start, end = "# mlrun: start-code", "# mlrun: end-code"
    cases = {
        "none": ([make.code_cell(job)], None, "No code cell holds"),
        "only in a text cell": (
            [nbformat.v4.new_markdown_cell(f"{start}\n{end}")],
            None,
            "No code cell holds",
        ),
        "no end": ([make.code_cell(start, job)], 2, "There is no"),
        "end first": ([make.code_cell(end, job, start)], 2, "stands before"),
        "two regions": ([make.region_cell(job), make.region_cell("x = 1")], 3, "A second"),
        "two ends": ([make.region_cell(job), make.code_cell(end)], 3, "A second"),
        "empty": ([make.code_cell(start), make.code_cell("", end)], 2, "no code between"),
        "named": ([make.code_cell(f"{start} train", job, end)], 2, "the name 'train' follows"),
        "in a text": ([make.code_cell(start, job, f"x = 1  {end}")], 2, "not alone"),
    }
    for case, (cells, cell, words) in cases.items():
        findings = lint(make, tmp_path, [parameters, *cells])
        assert {finding.rule for finding in findings} == {"markers"}, case
        assert any(words in finding.message and finding.cell == cell for finding in findings), case
        assert all(finding.blocking for finding in findings)


def test_lint_notebook_parameters_cell(tmp_path, make):
    tagged, job = make.code_cell("a = 1", tags=("parameters",)), make.region_cell(make.JOB)
    within = make.code_cell("# mlrun: start-code", make.JOB, "# mlrun: end-code", tags=("parameters",))
    text = nbformat.v4.new_markdown_cell("text", metadata={"tags": ["parameters"]})
    cases = {
        "missing": ([job], ["parameters"], None),
        "later": ([make.code_cell("b = 1"), tagged, job], ["parameters"], 2),
        "on text": ([text, job], ["parameters"], 1),
        "twice": ([tagged, make.code_cell("b = 1", tags=("parameters",)), job], ["parameters"], 2),
        "inside": ([within], ["parameters-in-region"], 1),
    }
    for case, (cells, rules, cell) in cases.items():
        findings = lint(make, tmp_path, cells)
        assert [finding.rule for finding in findings] == rules, case
        assert findings[0].cell == cell, case


def test_lint_notebook_configuration_outside_region(tmp_path, make):
    cells = make.notebook_cells(make.JOB)
    cells[2] = make.code_cell("# mlrun: config kind=serving", cells[2].source)
    (finding,) = lint(make, tmp_path, cells)
    assert (finding.rule, finding.cell, finding.line) == ("config", 3, 1)
    assert "outside" in finding.message


@pytest.mark.parametrize(
    "name",
    ["scale.ipynb", "1-scale.ipynb", "01-scale.v2.ipynb", "01-Scale.ipynb", "01_scale.ipynb", "01-.ipynb"],
)
def test_lint_notebook_file_names(tmp_path, make, name):
    (finding,) = lint(make, tmp_path, make.notebook_cells(make.JOB), name=name)
    assert finding.rule == "file-name" and finding.blocking


def test_lint_notebook_unreadable(tmp_path):
    path = tmp_path / "01-x.ipynb"
    path.write_text("{")
    (finding,) = lint_notebook(path, tmp_path)
    assert finding.rule == "unreadable" and finding.blocking
    assert str(finding).startswith("notebooks/01-x.ipynb: ") and "  " not in str(finding)


def dirty(make):
    """Notebooks with one thing each that a program left in them: name -> (cells, metadata)."""
    stream = nbformat.v4.new_output("stream", name="stdout", text="x")
    cases = {"outputs": ("outputs", [stream]), "count": ("execution_count", 3)}
    for case, (key, value) in cases.items():
        cells = make.notebook_cells(make.JOB)
        cells[3][key] = value
        yield case, cells, {}
    for key in VOLATILE:
        cells, metadata = make.notebook_cells(make.JOB), {}
        prefix, name = key.rsplit(".", 1)
        if prefix == "cell.metadata":
            cells[1].metadata[name] = {"x": "1"} if name in ("execution", "papermill", "vscode") else True
        elif prefix == "metadata":
            metadata[name] = {} if name == "widgets" else {"x": 1}
        else:
            metadata["language_info"] = {"name": "python", name: "3.11.7"}
        yield key, cells, metadata


def test_lint_notebook_volatile_metadata_agrees_with_nbstripout(tmp_path, make):
    paths = []
    for number, (case, cells, metadata) in enumerate(dirty(make)):
        path = make.write_notebook(tmp_path / "notebooks" / f"{number:02}-scale.ipynb", cells, **metadata)
        findings = lint_notebook(path, tmp_path)
        assert [finding.rule for finding in findings] == ["outputs"], case
        assert not findings[0].blocking
        paths.append(path)
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hook = next(hook for hook in config["repos"][0]["hooks"] if hook["id"] == "nbstripout")
    program, *options = shlex.split(hook["entry"])
    strip = [sys.executable, "-m", program, *options, *hook["args"], *paths]
    subprocess.run(strip, check=True, cwd=tmp_path)
    for path in paths:
        assert lint_notebook(path, tmp_path) == []
        cell = json.loads(path.read_text())["cells"][1]
        assert cell["metadata"]["tags"] == ["parameters"] and cell["id"] == "cell-1"


def test_lint_notebook_without_kernel(tmp_path, make):
    path = make.write_notebook(tmp_path / "notebooks" / "01-job.ipynb", make.notebook_cells(make.JOB))
    notebook = json.loads(path.read_text())
    del notebook["metadata"]["kernelspec"]
    path.write_text(json.dumps(notebook))
    (finding,) = lint_notebook(path, tmp_path)
    assert finding.rule == "kernel" and "names no kernel" in finding.message


def test_lint_notebook_foreign_kernel(tmp_path, make):
    kernel = {"name": "my-venv", "display_name": "mine", "language": "python"}
    (finding,) = lint(make, tmp_path, make.notebook_cells(make.JOB), kernelspec=kernel)
    assert finding.rule == "kernel" and "my-venv" in finding.message


def test_unbound_names_in_all_scopes():
    code = """
import os.path as p
from x import y as z
class A(Base):
    k = 1
    def m(self, q=default): return [self.k + i + w for i in z], __class__
def f(a: Hint, *b, c=z, **d) -> None:
    global late
    late = lambda e: e + a + free
    with open(p) as g, missing(): print(b, c, d, g, f)
    try: pass
    except Trouble as h: print(h)
    def inner():
        nonlocal a
        a = late
    import json; json.x
    return {n: n for n in a if (u := n)}, u
for j in range(3): print(j, __file__)
match j:
    case [r, *s]: print(r, s)
"""
    assert {name for name, _ in unbound_names(code, ast.parse(code))} == {
        "Base", "default", "w", "Hint", "free", "missing", "Trouble",
    }  # fmt: skip
