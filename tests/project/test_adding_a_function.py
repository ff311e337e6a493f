"""A function is added by one notebook: it is generated, listed, loaded and run without a change anywhere else."""

from __future__ import annotations

from pathlib import Path

import yaml
from typer.testing import CliRunner

from aletheia.cli.functions import app
from aletheia.project.workspace import open_project

ROOT = Path(__file__).parents[2]
COUNT = '''\
# mlrun: config options='["faces"]'
import mlrun

from aletheia.project import RunConfig


def count_pixels(context: mlrun.MLClientCtx, faces: int = 1, **options):
    """Count the pixels of some face crops.

    :param context: the MLRun context
    :param faces:   how many
    :param options: the faces options of a run
    """
    context.log_result("pixels", faces * RunConfig.parse(options).image_size ** 2)
'''


def test_build_functions_new_notebook_is_listed_loaded_and_run(tracking_url, checkout, make):
    make.write_notebook(checkout / "notebooks" / "99-count-pixels.ipynb", make.notebook_cells(COUNT))
    built = CliRunner().invoke(app, ["build"])
    assert built.exit_code == 0, built.output
    assert built.output.splitlines() == [
        "wrote functions/count-pixels/function.py",
        "wrote functions/count-pixels/function.yaml",
        "wrote project.yaml",
    ]
    before, after = (yaml.safe_load((folder / "project.yaml").read_text()) for folder in (ROOT, checkout))
    added = {"name": "count-pixels", "url": "functions/count-pixels/function.yaml"}
    assert after["spec"].pop("functions") == [*before["spec"].pop("functions"), added]
    assert after == before
    assert CliRunner().invoke(app, ["check"]).exit_code == 0

    project = open_project()
    run = project.run_function("count-pixels", params={"faces": 3, "face_size": 64}, local=True)
    assert run.outputs["pixels"] == 3 * 64 * 64
    entry = project.get_function("count-pixels").spec.entry_points["count_pixels"]
    assert {p["name"] for p in entry["parameters"]} >= {"context", "faces", "image_size", "face_policy"}


def test_open_project_new_notebook_is_generated(tracking_url, checkout, make):
    """Without `functions build`, too: loading the project generates functions of new notebooks."""
    make.write_notebook(checkout / "notebooks" / "00-a-count.ipynb", make.notebook_cells(COUNT))
    assert open_project().run_function("a-count", handler="count_pixels", local=True).outputs["pixels"] == 96 * 96
    listed = yaml.safe_load((checkout / "project.yaml").read_text())["spec"]["functions"]
    assert listed[0]["name"] == "a-count"
