"""A notebook of one's own, in the three steps of docs/notebooks.md, executed as they stand there."""

from __future__ import annotations

import functools
import re
import textwrap
from pathlib import Path
from types import SimpleNamespace

import mlrun
import pytest
from typer.testing import CliRunner

from aletheia.cli.functions import app
from aletheia.project.notebooks import FunctionConfig
from aletheia.project.run_config import RunConfig
from aletheia.project.workspace import open_project

from ..factories import manifest
from .conftest import ROOT

PAGE = (ROOT / "docs/notebooks.md").read_text().partition("## Your own notebook in three steps")[2]
CODE = dict(re.findall(r'^```python title="([^"]+)"\n(.*?)^```$', PAGE, re.DOTALL | re.MULTILINE))
NOTEBOOK, WORKFLOW = CODE
(COMMANDS,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def written(checkout, make) -> Path:
    """The project after the first and the third step."""
    region = CODE[NOTEBOOK].removeprefix("# mlrun: start-code\n").removesuffix("# mlrun: end-code\n")
    make.write_notebook(checkout / NOTEBOOK, make.notebook_cells(region.rstrip("\n")))
    workflow = checkout / WORKFLOW
    workflow.write_text(f"{workflow.read_text().rstrip()}\n{CODE[WORKFLOW]}")
    return checkout


def run_commands() -> list[str]:
    """Run the commands of the second step and return what they print, up to one that fails."""
    printed = []
    for command in COMMANDS.splitlines():
        result = CliRunner().invoke(app, command.removeprefix("aletheia functions ").split())
        printed.append(result.output)
        if result.exit_code:
            break
    return printed


def test_own_notebook_becomes_a_step(tracking_url, written, monkeypatch):
    built, checked = run_commands()
    assert "wrote functions/count-generators/function.yaml" in built and "differ" not in checked

    faces = manifest(400, generator="")
    fakes = faces.index[faces["label"] == "fake"]
    faces.loc[fakes, "generator"] = ["rare", *["gan", "swap"] * len(fakes)][: len(fakes)]
    faces.to_parquet(written / "faces.parquet")
    open_project()
    monkeypatch.setattr(mlrun, "run_function", functools.partial(mlrun.run_function, local=True))
    step = textwrap.dedent(CODE[WORKFLOW]).replace("mlrun.run_function(", "run = mlrun.run_function(", 1)
    names = {
        "mlrun": mlrun,
        "config": RunConfig(image_size=64),
        "prepare": SimpleNamespace(outputs={"train": str(written / "faces.parquet")}),
    }
    exec(step, names)
    assert names["run"].status.results == {"generators": 2, "pixels": len(fakes) * 64**2}


def test_own_notebook_misspelt_step_is_refused(tracking_url, written):
    workflow = written / WORKFLOW
    workflow.write_text(workflow.read_text().replace('"least": 2', '"leest": 2'))
    assert "leest" in run_commands()[-1]


def test_config_keys_are_documented():
    keys = {field.alias or name for name, field in FunctionConfig.model_fields.items()}
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == keys
