"""Summary of a workflow's runs."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from aletheia.project.summary import _highest, print_summary, summarise, write_summary


def run(name: str, state: str = "completed", results: dict | None = None, **status) -> dict:
    return {"metadata": {"name": name, "uid": f"uid-{name}"}, "status": {"state": state, "results": results, **status}}


@pytest.fixture
def whole(tmp_path) -> dict:
    runs = [
        run(
            "register",
            results={"tag": "production", "failed_checks": "none"},
            start_time="2026-01-01T10:00:00+00:00",
            last_update="2026-01-01T10:00:01.240000+00:00",
        ),
        run(
            "evaluate",
            results={
                "auc": 0.9312,
                "auc_low": 0.9,
                "auc_high": 0.96,
                "accuracy": 0.88,
                "balanced_accuracy": 0.87,
                "majority_share": 0.82,
                "shortcut_auc": 0.53,
                "baseline_thumbnail_auc": 0.58,
                "baseline_spectrum_auc": 0.71,
            },
        ),
        run(
            "search-hyperparameters",
            results={"best_learning_rate": 0.01, "best_batch_size": 32, "best_iteration": 5, "loss": 0.2},
        ),
        run("extract-faces", results={"skipped": 3, "skipped_because": {"no face found": 2, "unreadable": 1}}),
        run(
            "prepare-data",
            results={
                "rows_train": 700,
                "rows_val": 150,
                "rows_test": 151,
                "fake_share_before": 0.82,
                "fake_share_train": 0.5,
                "shortcut_auc_train": 0.51,
                "gives_away": "framing, light",
            },
        ),
    ]
    return summarise(runs, state="completed", seconds=61.234, root=tmp_path, peak_mb=1234.5)


def test_summarise_takes_numbers_from_steps(whole):
    assert whole["state"] == "completed"
    assert whole["seconds"] == 61.2
    assert whole["peak_memory_mb"] == 1234
    assert whole["rows"] == {"train": 700, "val": 150, "test": 151}
    assert whole["best_params"] == {"learning_rate": 0.01, "batch_size": 32}
    assert (whole["test_auc"], whole["test_auc_interval"]) == (0.9312, [0.9, 0.96])
    assert (whole["test_accuracy"], whole["majority_share"], whole["shortcut_auc"]) == (0.88, 0.82, 0.53)
    assert whole["baseline_aucs"] == {"thumbnail": 0.58, "spectrum": 0.71} and whole["gives_away"] == "framing, light"
    assert whole["model_uri"] == "store://models/aletheia/detector:production"
    assert list(whole["runs"]) == [
        "extract-faces",
        "prepare-data",
        "search-hyperparameters",
        "evaluate",
        "register",
    ]
    assert whole["step_seconds"]["register"] == 1.2
    assert whole["errors"] is None


def test_summarise_missing_and_failed_steps(tmp_path):
    failed = run("prepare-data", "error", error="no images")
    summary = summarise([failed], state="error", seconds=1, root=tmp_path)
    assert summary["errors"] == {"prepare-data": "no images"}
    for key in ("test_auc", "best_params", "model_uri", "report", "peak_memory_mb"):
        assert summary[key] is None


def test_print_summary_numbers_and_paths(whole):
    whole |= {"report": "artifacts/" + "x" * 90 + "/report.html", "data_report": "artifacts/d.html"}
    text = io.StringIO()
    print_summary(whole, Console(file=text, width=80))
    lines = text.getvalue().splitlines()
    table = [line for line in lines if line.startswith("│")]
    assert all(len(line) <= 80 for line in table)
    shown = "\n".join(table)
    for words in (
        "700 training",
        "3 of the files: no face found (2), unreadable",
        "82% as delivered",
        "0.530",
        "batch size 32",
        "0.931",
        "spectrum 0.710, thumbnail 0.580",
        "framing, light",
    ):
        assert words in shown
    assert "always saying the larger class: 0.820" in shown
    assert "not in production" not in shown
    assert f"Report:        {whole['report']}" in lines
    assert "Ask the model: .venv/bin/aletheia predict picture.jpg" in lines


def test_print_summary_notes(whole):
    assert whole["notes"] == []
    text = io.StringIO()
    print_summary({**whole, "notes": ["The data set's own split was kept."]}, Console(file=text, width=80))
    assert "│ note" in text.getvalue() and "own split was kept" in text.getvalue()


def test_print_summary_refused_model(whole):
    whole |= {"failed_checks": "no leakage", "model_uri": "store://models/aletheia/detector:candidate"}
    text = io.StringIO()
    print_summary(whole, Console(file=text, width=80))
    assert "failed: no leakage" in text.getvalue()
    assert "predict --model candidate picture.jpg" in text.getvalue()


def test_write_summary_json(whole, tmp_path):
    path = write_summary(whole, tmp_path)
    assert path == tmp_path / "summary.json"
    assert json.loads(path.read_text()) == whole
    assert [file.name for file in path.parent.iterdir()] == ["summary.json"]


@pytest.mark.parametrize(
    ("aucs", "text"),
    [
        ({}, "not computed"),
        ({"a": None, "two_words": 0.6}, "two words 0.600"),
        (
            dict(zip("abcdef", (0.5, 0.9, 0.7, 0.6, 0.8, 0.4), strict=True)),
            "b 0.900, e 0.800, c 0.700, d 0.600 and 2 more below",
        ),
    ],
)
def test_print_summary_names_the_highest_baselines(aucs, text):
    assert _highest(aucs) == text
