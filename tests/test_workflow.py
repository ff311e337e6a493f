"""The same workflow through every door, as a user would: the command line, `mlrun project`, Python, papermill."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SMALL = {"images": 240, "image_size": 64, "search_epochs": 1, "epochs": 2}
GRID = {"learning_rates": [1e-3, 3e-3], "batch_sizes": [16, 32]}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A checkout of its own with a tracking service of its own."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("notebooks", "functions", "workflows"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in ("project.yaml", "project_setup.py"):
        shutil.copy(ROOT / name, folder / name)
    yield folder
    command(folder, "aletheia", "tracking", "stop")


_PORTS: dict[Path, int] = {}


def command(folder: Path, name: str, *args: str, check: bool = False, **env: str) -> subprocess.CompletedProcess:
    port = _PORTS.setdefault(folder, free_port())
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MLRUN_DBPATH", "ALETHEIA_PROJECT")
    }
    environment |= {
        "ALETHEIA_HOME": str(folder / "home"),
        "ALETHEIA_TRACKING_PORT": str(port),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        **env,
    }
    done = subprocess.run([str(BIN / name), *args], cwd=folder, env=environment, capture_output=True, text=True)
    if check:
        assert done.returncode == 0, f"{name} {' '.join(args)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


def outputs_of_last_run(folder: Path, name: str) -> dict:
    code = (
        "import sys, json; from aletheia.project.workspace import open_project; open_project();"
        "from aletheia.project.here import last_outputs;"
        "print('OUT' + json.dumps(last_outputs(sys.argv[1]), default=str))"
    )
    done = command(folder, "python", "-c", code, name, check=True)
    return json.loads(done.stdout.split("OUT")[-1])


@pytest.fixture(scope="module")
def summary(project) -> dict:
    """The workflow by our own command."""
    args = [f"--{key.replace('_', '-')}={value}" for key, value in SMALL.items()]
    args += [f"--{key.replace('_', '-')}={','.join(map(str, values))}" for key, values in GRID.items()]
    done = command(project, "aletheia", "run", *args, check=True)
    summary = json.loads((project / "artifacts" / "summary.json").read_text())
    assert "What came out" in done.stderr
    assert "Traceback" not in done.stderr
    return summary


def test_the_summary_is_complete(project, summary):
    assert summary["state"] == "completed"
    for key in ("seconds", "test_auc", "test_accuracy", "majority_share", "shortcut_auc"):
        assert summary[key] >= 0, key
    assert set(summary["best_params"]) == {"learning_rate", "batch_size"}
    assert summary["best_params"]["learning_rate"] in GRID["learning_rates"]
    assert summary["model_uri"].startswith("store://models/aletheia/detector:")
    assert (project / summary["report"]).stat().st_size > 10_000
    assert set(summary["runs"]) == {
        "prepare-data",
        "search-hyperparameters",
        "search-overview",
        "train",
        "evaluate",
        "register",
    }


def test_the_stock_mlrun_command_gives_the_same(project, summary):
    args = [word for key, value in {**SMALL, **GRID}.items() for word in ("-a", f"{key}={value}")]
    done = command(project, "mlrun", "project", "./", "-r", "main", "--engine", "local", *args, "-w", check=True)
    assert "Workflow run failed" not in done.stdout + done.stderr
    again = outputs_of_last_run(project, "evaluate")
    assert again["auc"] == pytest.approx(summary["test_auc"], abs=1e-6)
    assert (
        outputs_of_last_run(project, "search-hyperparameters")["best_batch_size"]
        == summary["best_params"]["batch_size"]
    )


def test_from_python_with_another_seed(project, summary):
    code = (
        "import json; from aletheia.project.workspace import open_project;"
        f"arguments = json.loads('''{json.dumps({**SMALL, **GRID, 'seed': 1})}''');"
        "status = open_project().run('main', arguments=arguments, engine='local', watch=True);"
        "print('STATE', status.state)"
    )
    done = command(project, "python", "-c", code, check=True)
    assert "STATE Succeeded" in done.stdout
    assert outputs_of_last_run(project, "prepare-data")["data_hash"] != ""


def test_predict_answers_from_the_registered_model(project, summary):
    pictures = sorted((project / "data").glob("synthetic-*/fake/*/*.jpg"))[:2]
    broken = project / "broken.jpg"
    broken.write_bytes(pictures[0].read_bytes()[:300])
    done = command(project, "aletheia", "predict", "--json", *map(str, pictures), str(broken))
    assert done.returncode == 2, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["verdict"] == "error" for line in lines] == [False, False, True]
    assert all(0 <= line["probability"] <= 1 for line in lines[:2])
    assert "broken.jpg" in lines[2]["reason"]


def test_each_notebook_runs_under_papermill_in_order(project, summary):
    changed = {
        "01-prepare-data": {"images": SMALL["images"], "face_size": SMALL["image_size"], "seed": 2},
        "02-search-hyperparameters": {
            "learning_rates": [1e-3],
            "batch_sizes": [32],
            "epochs": 1,
            "image_size": 64,
        },
        "03-train": {"epochs": 2, "image_size": 64},
        "04-evaluate": {"seed": 3},
        "04-register": {},
        "05-serve": {"model": "store://models/aletheia/detector"},
    }
    for name, parameters in changed.items():
        words = [word for key, value in parameters.items() for word in (("-y", f"{key}: {json.dumps(value)}"))]
        command(
            project,
            "papermill",
            f"notebooks/{name}.ipynb",
            f"{name}-out.ipynb",
            "--no-progress-bar",
            "--cwd",
            "notebooks",
            *words,
            check=True,
        )
    assert outputs_of_last_run(project, "train")["loss"] > 0
