"""One function by itself: its inputs and outputs are files, its run is in the tracking service."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from aletheia.cli.root import app
from aletheia.core.errors import InputError
from aletheia.core.plot_library import PACKED_ID
from aletheia.datasets.packed import pack_tables, unpack_tables
from aletheia.project.functions import build_functions
from aletheia.project.step import StepFiles, run_step

from .conftest import ROOT, notebook_cells, write_notebook

PICK = '''\
import mlrun
from plotly.graph_objects import Figure

from aletheia.core.errors import InputError
from aletheia.plotting import FigureArtifact
from aletheia.project import refuse_unknown


@refuse_unknown
def pick(
    context: mlrun.MLClientCtx,
    train: mlrun.DataItem,
    note: mlrun.DataItem = None,
    label: str = "real",
    table: str = "",
):
    """Keep the rows of a label.

    :param context: the MLRun context
    :param train:   a manifest
    :param note:    a text
    :param label:   which
    :param table:   another manifest, named by its path
    """
    if label == "neither":
        raise InputError("There is no label 'neither'; choose real or fake.")
    rows = train.as_df()
    kept = rows[rows["label"] == label]
    context.log_dataset("kept", df=kept, format="parquet", index=False, stats=False)
    context.log_artifact(FigureArtifact("page", Figure()))
    context.log_results({"rows": len(kept), "label": label, "nothing": float("nan"), "has_table": bool(table)})
    context.log_result("note", note.get().decode() if note else "")
'''


@pytest.fixture
def folder(tmp_path: Path, tracking_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one function, with an archive of three pictures and a file of parameters."""
    root = tmp_path / "project"
    write_notebook(root / "notebooks" / "00-pick.ipynb", notebook_cells(PICK))
    functions = [{"name": "pick", "url": "functions/pick/function.yaml"}]
    project = {"kind": "project", "metadata": {"name": "aletheia"}, "spec": {"functions": functions}}
    (root / "project.yaml").write_text(yaml.safe_dump(project))
    shutil.copy(ROOT / "project_setup.py", root)
    build_functions(root)
    paths = []
    for name in ("a", "b", "c"):
        paths.append(root / f"{name}.png")
        paths[-1].write_bytes(name.encode())
    rows = pd.DataFrame({"path": list(map(str, paths)), "label": ["real", "fake", "fake"]})
    pack_tables({"train": rows, "table": rows, "unused": rows}, root / "sets.tar")
    (root / "params.yaml").write_text("pick: {label: fake}\nshared: {label: real, other: 1}\nlabel: neither\n")
    monkeypatch.delenv("ALETHEIA_DATA", raising=False)
    monkeypatch.delenv("ALETHEIA_PROJECT", raising=False)
    monkeypatch.chdir(root)
    return root


def test_command_reads_and_writes_files(folder):
    (folder / "note.txt").write_text("as it was")
    words = ["functions", "run", "pick", "--params", "pick", "--tables", "sets.tar", "--input", "note=note.txt"]
    words += ["--output", "kept=out/kept.csv", "--output", "page=out/page.html", "--write-tables", "out/kept.tar"]
    words += ["--results", "out/results.json", "--metrics", "out/metrics.json", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output + str(done.exception)
    results = json.loads((folder / "out" / "results.json").read_text())
    assert (results["rows"], results["label"], results["note"], results["has_table"]) == (2, "fake", "as it was", True)
    assert json.loads((folder / "out" / "metrics.json").read_text()) == {"rows": 2}  # finite numbers alone
    assert json.loads(done.stdout)["rows"] == 2
    table = pd.read_csv(folder / "out" / "kept.csv")
    assert [Path(path).read_bytes() for path in table["path"]] == [b"b", b"c"]
    (logged,) = (folder / "artifacts").rglob("page.html")
    assert PACKED_ID not in logged.read_text()  # it refers to the library beside all artifacts
    assert PACKED_ID in (folder / "out" / "page.html").read_text()  # it can be handed on
    kept = pd.read_parquet(unpack_tables(folder / "out" / "kept.tar", folder / "elsewhere")["kept"])
    assert [Path(path).read_bytes() for path in kept["path"]] == [b"b", b"c"]
    import mlrun

    assert mlrun.get_run_db().list_runs(name="pick", project="aletheia")[0]["status"]["results"]["rows"] == 2


@pytest.mark.parametrize(
    ("name", "params", "files", "message"),
    [
        ("pikc", {}, {}, "no function 'pikc'; there are: pick"),
        ("pick", {"labell": "real"}, {}, "did you mean label"),
        ("pick", {"label": "neither"}, {}, "pick failed. There is no label 'neither'"),
        ("pick", {}, {"inputs": {"note": Path("absent.txt")}}, "There is no absent.txt"),
        ("pick", {}, {"inputs": {"nota": Path("params.yaml")}}, "did you mean note"),
        ("pick", {}, {"outputs": {"kepd": Path("x")}}, "did you mean kept"),
        ("pick", {}, {"tables": []}, "needs 'train'"),
    ],
)
def test_run_step_says_what_is_wrong(folder, name, params, files, message, capfd):
    with pytest.raises(InputError, match=message):
        run_step(name, params, StepFiles(**{"tables": [Path("sets.tar")], **files}))
    printed = capfd.readouterr()
    assert "Traceback" not in printed.out + printed.err  # one sentence is enough


def test_run_step_keeps_a_defect_apart_from_bad_input(folder, capfd):
    pack_tables({"train": pd.DataFrame({"column": [1]})}, "odd.tar")
    with pytest.raises(RuntimeError, match="pick failed") as caught:
        run_step("pick", {}, StepFiles([Path("odd.tar")]))
    assert not isinstance(caught.value, InputError)
    assert "KeyError" in capfd.readouterr().err  # the place of the defect


def test_command_wants_names_for_files(folder):
    done = CliRunner().invoke(app, ["functions", "run", "pick", "--output", "kept"])
    assert isinstance(done.exception, InputError) and "'kept' is no name=file" in str(done.exception)
