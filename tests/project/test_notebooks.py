"""Reading notebooks: the region equals that of MLRun's own converter, the configuration that of its comments."""

import ast
import json

import pytest

from aletheia.core.errors import InputError
from aletheia.project.notebooks import (
    Region,
    find_region,
    function_name,
    notebook_paths,
    read_config,
    read_notebook,
)


def region_of(*lines):
    return Region("\n".join(lines) + "\n", tuple((1, i) for i in range(1, len(lines) + 1)))


@pytest.mark.slow
def test_find_region_equals_mlruns_converter(tmp_path, make):
    import nuclio

    path = make.write_notebook(
        tmp_path / "01-x.ipynb",
        [
            make.code_cell("lost = 1", tags=("parameters",)),
            make.code_cell("lost_too = 2", "# mlrun: start-code", "", "import json", "", "a = 1"),
            make.code_cell("b = 2", "# mlrun: ignore"),
            make.code_cell("c = 3", tags=("mlrun-ignore",)),
            make.code_cell("", "def f(x):", "    '''two", "", "    lines  '''", "    return json.dumps(x)", ""),
            make.code_cell("d = f(a)", "  # mlrun:  end-code", "lost_again = 4"),
            make.code_cell("f(2)"),
        ],
    )
    _, _, code = nuclio.build_file(str(path), name="x")
    region = find_region(read_notebook(path))

    assert ast.dump(ast.parse(region.code)) == ast.dump(ast.parse(code))
    names = [node.id for node in ast.walk(ast.parse(region.code)) if isinstance(node, ast.Name)]
    assert {"a", "d"} <= set(names) and not {"b", "c", "lost", "lost_too", "lost_again"} & set(names)


def test_region_place_of_each_line(tmp_path, make):
    cells = [
        make.code_cell("# mlrun: start-code", "", "a = 1"),
        make.code_cell("", "b = 2", "", "c = 3"),
        make.code_cell("d = 4", "# mlrun: end-code"),
    ]
    notebook = read_notebook(make.write_notebook(tmp_path / "01-x.ipynb", cells))
    region = find_region(notebook)
    for number, line in enumerate(region.code.split("\n")[:-1], 1):
        place = region.place(number)
        if line:
            assert notebook.cells[place["cell"] - 1].lines[place["line"] - 1] == line
    assert region.place(1) == {"cell": 1, "line": 3}
    assert region.place(99) == {"cell": 3, "line": 1}


def test_find_region_windows_line_ends(tmp_path, make):
    unix = make.write_notebook(tmp_path / "01-x.ipynb", [make.region_cell("a = 1\nb = '''x\ny'''")])
    other = tmp_path / "02-x.ipynb"
    other.write_text(unix.read_text().replace("\\n", "\\r\\n"))
    assert find_region(read_notebook(other)).code == find_region(read_notebook(unix)).code


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}',
    ],
)
def test_read_notebook_unreadable(tmp_path, content):
    path = tmp_path / "01-x.ipynb"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"01-x\.ipynb is no readable notebook"):
        read_notebook(path)


def test_notebook_paths_sorted_without_checkpoints(tmp_path):
    folder = tmp_path / "notebooks"
    with pytest.raises(InputError, match="is not a folder"):
        notebook_paths(tmp_path)
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / ".ipynb_checkpoints" / "01-a-checkpoint.ipynb").touch()
    with pytest.raises(InputError, match="no notebook in"):
        notebook_paths(tmp_path)
    for name in ("10-c.ipynb", "02-b-b.ipynb", "01-a.ipynb", ".03-hidden.ipynb", "notes.txt"):
        (folder / name).touch()
    paths = notebook_paths(tmp_path)
    assert [function_name(path) for path in paths] == ["a", "b-b", "c"]


def test_read_config_values():
    labels = {"stage": "a b", "team": "x"}
    config, problems = read_config(
        region_of(
            "# mlrun: config kind=serving class=Detector",
            f"# mlrun: config labels='{json.dumps(labels)}' requirements='[\"timm==1\", \"x\"]'",
            'a = "mlrun: config image=nothing"',
            '#mlrun:config description="Two words = more"',
            '# mlrun: config options=\'["faces", "recipe"]\'',
        )
    )
    assert problems == []
    assert (config.kind, config.default_class) == ("serving", "Detector")
    assert (config.labels, config.requirements) == (labels, ["timm==1", "x"])
    assert (config.description, config.image) == ("Two words = more", "")
    assert config.options == ["faces", "recipe"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("# mlrun: config", "not of the form key=value"),
        ("# mlrun: config kind", "not of the form key=value"),
        ("# mlrun: config kind = job", "not of the form key=value"),
        ("# mlrun: config description='open", "cannot be split"),
        ("# mlrun: config kind=spark", "'kind'"),
        ("# mlrun: config labels=stage", "'labels'"),
        ("# mlrun: config labels='{\"a\": 1}'", "'labels'"),
        ("# mlrun: config handlers=f", "'handlers'"),
        ("# mlrun: config image=a image=b", "twice"),
        ("# mlrun: config options='[\"nothing\"]'", "no group of options, 'nothing'"),
    ],
)
def test_read_config_problems(line, message):
    _, problems = read_config(region_of("a = 1", line))
    assert problems and all(number == 2 for number, _ in problems)
    assert any(message in text for _, text in problems)
