"""The same workflow by every way that a user has: the command line, `mlrun project`, Python, papermill."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_run_summary_is_complete(checkout, summary):
    assert summary["state"] == "completed"
    for key in ("seconds", "test_auc", "test_accuracy", "majority_share", "shortcut_auc"):
        assert summary[key] >= 0, key
    assert set(summary["best_params"]) == {"learning_rate", "batch_size"}
    assert summary["best_params"]["learning_rate"] in checkout.grid["learning_rates"]
    assert summary["model_uri"].startswith("store://models/aletheia/detector:")
    assert (checkout.folder / summary["report"]).stat().st_size > 10_000
    assert set(summary["runs"]) == {
        "extract-faces",
        "prepare-data",
        "search-hyperparameters",
        "search-overview",
        "train",
        "evaluate",
        "register",
    }


def test_mlrun_command_gives_the_same(checkout, summary):
    args = [word for key, value in {**checkout.small, **checkout.grid}.items() for word in ("-a", f"{key}={value}")]
    done = checkout.command("mlrun", "project", "./", "-r", "main", "--engine", "local", *args, "-w", check=True)
    assert "Workflow run failed" not in done.stdout + done.stderr
    assert (checkout.folder / "project.yaml").read_text() == (ROOT / "project.yaml").read_text()
    again = checkout.last_outputs("evaluate")
    assert again["auc"] == pytest.approx(summary["test_auc"], abs=1e-6)
    assert checkout.last_outputs("search-hyperparameters")["best_batch_size"] == summary["best_params"]["batch_size"]


def test_predict_registered_model(checkout, summary):
    pictures = sorted((checkout.folder / "data").glob("synthetic-*/fake/*/*.jpg"))[:2]
    broken = checkout.folder / "broken.jpg"
    broken.write_bytes(pictures[0].read_bytes()[:300])
    done = checkout.command("aletheia", "predict", "--json", *map(str, pictures), str(broken))
    assert done.returncode == 2, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["verdict"] == "error" for line in lines] == [False, False, True]
    assert all(0 <= line["probability"] <= 1 for line in lines[:2])
    assert "broken.jpg" in lines[2]["reason"]


def papermill(checkout, name: str, parameters: dict[str, object]) -> None:
    """Run a notebook of the checkout with these parameters."""
    words = [word for key, value in parameters.items() for word in (("-y", f"{key}: {json.dumps(value)}"))]
    files = (f"notebooks/{name}.ipynb", f"{name}-out.ipynb")
    checkout.command("papermill", *files, "--no-progress-bar", "--cwd", "notebooks", *words, check=True)


def test_notebooks_of_the_workflow_run_under_papermill(checkout, summary):
    changed = {
        # One by its former names, the others by their present ones.
        "00-extract-faces": {"images": 240, "face_size": 64, "seed": 2},
        "01-prepare-data": {"seed": 2},
        "02-search-hyperparameters": {
            "learning_rates": [1e-3],
            "batch_sizes": [32],
            "epochs": 1,
            "image_size": 64,
        },
        "03-train": {"epochs": 2, "image_size": 64},
        "04-evaluate": {"seed": 3, "network_controls": False},
        "05-register": {},
        "06-serve": {"model": "store://models/aletheia/detector"},
    }
    for name, parameters in changed.items():
        papermill(checkout, name, parameters)
    assert checkout.last_outputs("train")["loss"] > 0


@pytest.mark.long
def test_notebooks_about_models_run_under_papermill(checkout, summary):
    """Of those that look at a model; `make docs-notebooks` runs all, which takes minutes more."""
    papermill(checkout, "04-evaluate", {"network_controls": False})  # once more, with what it used
    listed = json.loads(checkout.command("aletheia", "runs", "list", "--json", check=True).stdout)
    # Other tests may have run the workflow here with other options.
    first, second, *_ = (
        run["uid"] for run in listed if run["results"].get("auc") == pytest.approx(summary["test_auc"], abs=1e-6)
    )
    papermill(checkout, "09-compare-runs", {"first": first, "second": second})
    compared = checkout.last_outputs("compare-runs")
    assert compared["verdict"] and compared["difference"] == pytest.approx(0, abs=1e-6)
    papermill(checkout, "10-test-elsewhere", {"n_synthetic": 120})
    papermill(checkout, "12-monitor", {"every": "12h"})


def test_evaluate_registered_model(checkout, summary):
    (manifest,) = (checkout.folder / "data").glob("synthetic-240-0/manifest.parquet")
    arguments = (summary["model_uri"].rpartition(":")[2], str(manifest))
    done = checkout.command("aletheia", "evaluate", *arguments, "--json", "--delivery-faces", "20", check=True)
    result = json.loads(done.stdout)
    assert result["n"] > 200 and 0.3 < result["metrics"]["auc"]["value"] <= 1
    computed = {key for key, baseline in result["baselines"].items() if baseline["auc"] is not None}
    assert {"files", "keypoints", "thumbnail", "blanked", "template", "window", "spectrum"} <= computed
    assert result["checks"]["no leakage"]["state"] == "not judged"
    assert "<html" in (checkout.folder / "report.html").read_text()[:200]
