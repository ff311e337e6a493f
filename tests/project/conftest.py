"""Small notebooks and projects to generate functions from."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[2]
JOB = '''\
import mlrun


def scale(context: mlrun.MLClientCtx, factor: float = -1.5, names: str | None = None) -> float:
    """Multiply two
    by a factor.

    :param factor: what two is multiplied by;
        any number
    :param names: not used
    :returns: the product
    """
    product = 2 * factor
    context.log_result("product", product)
    return product'''
SERVING = '''\
# mlrun: config kind=serving labels='{"stage": "serving"}'
import mlrun.serving


class Lengths(mlrun.serving.V2ModelServer):
    """Answers with the length of every input."""

    def load(self):
        self.model = len

    def predict(self, request: dict) -> list:
        return [self.model(item) for item in request["inputs"]]
'''


def code_cell(*lines: str, tags: tuple[str, ...] = (), **metadata) -> nbformat.NotebookNode:
    """A code cell as git should hold it."""
    if tags:
        metadata["tags"] = list(tags)
    return new_code_cell("\n".join(lines), metadata=metadata)


def region_cell(region: str) -> nbformat.NotebookNode:
    """The cell of a marked region."""
    return code_cell("# mlrun: start-code", region, "# mlrun: end-code")


def write_notebook(path: Path, cells: list, **metadata) -> Path:
    """Write a notebook; its cell ids depend on nothing."""
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel} | metadata), path)
    return path


def notebook_cells(region: str) -> list:
    """Cells as a notebook of the project has them; the region is cell 3."""
    parameters = code_cell("factor = 3.0", tags=("parameters",))
    return [new_markdown_cell("# Scale"), parameters, region_cell(region), code_cell("!ls", "factor * 2")]


def write_project(root: Path) -> Path:
    """A project of two functions, not yet generated."""
    write_notebook(root / "notebooks" / "01-scale.ipynb", notebook_cells(JOB))
    write_notebook(root / "notebooks" / "02-lengths.ipynb", notebook_cells(SERVING))
    names = ("scale", "lengths")
    functions = [{"name": name, "url": f"functions/{name}/function.yaml"} for name in names]
    project = {"kind": "project", "metadata": {"name": "p"}, "spec": {"functions": functions}}
    (root / "project.yaml").write_text(yaml.safe_dump(project))
    return root


def replace_in_file(path: Path, old: str, new: str) -> None:
    """Replace a text in a file; it must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture(autouse=True)
def _mlrun_logs_information():
    """Set MLRun's log level as in a new process: a service of another test in this process mutes MLRun."""
    import logging

    import mlrun

    level = logging.getLevelName(mlrun.utils.logger.level)
    mlrun.utils.logger.set_logger_level("INFO")
    yield
    mlrun.utils.logger.set_logger_level(level)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of two functions, generated."""
    from aletheia.project.functions import build_functions

    build_functions(write_project(tmp_path / "project"))
    return tmp_path / "project"


@pytest.fixture
def make() -> SimpleNamespace:
    """The helpers of this file."""
    return SimpleNamespace(
        code_cell=code_cell,
        region_cell=region_cell,
        write_notebook=write_notebook,
        notebook_cells=notebook_cells,
        write_project=write_project,
        replace_in_file=replace_in_file,
        JOB=JOB,
        SERVING=SERVING,
    )


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A copy of this project."""
    folder = tmp_path / "checkout"
    for name in ("notebooks", "functions", "workflows"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in ("project.yaml", "project_setup.py"):
        shutil.copy(ROOT / name, folder / name)
    monkeypatch.chdir(folder)
    return folder
