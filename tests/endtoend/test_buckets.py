"""The whole workflow with data, artifacts and model in a bucket, its steps sharing nothing else: the local result."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from aletheia.datasets.synthetic.generate import generate_dataset
from aletheia.project.kubeflow.steps import Step, StepOutput, record_steps
from aletheia.project.run_config import RunConfig

from ..bucket_server import SECRET, bucket_server, environment
from .conftest import ROOT, Checkout

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]

#: One step, as a pod runs it: the function comes from the tracking service, everything else from its arguments.
_STEP = """
import json, sys
import mlrun
from mlrun.model import HyperParamOptions
step = json.loads(sys.argv[1])
function = mlrun.import_function(f"db://aletheia/{step['function']}")
options = step["hyper_param_options"]
run = function.run(
    name=step["name"], handler=step["handler"], params=step["params"], inputs=step["inputs"], local=True,
    hyperparams=step["hyperparams"], hyper_param_options=HyperParamOptions(**options) if options else None,
    project="aletheia", output_path=step["artifact_path"] + "/{{run.uid}}", watch=False,
)
print("OUT" + json.dumps({**run.status.results, **run.status.artifact_uris}, default=str))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The folder with the buckets ``faces``, which holds a drawn data set, and ``runs``; and the server's port."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "runs").mkdir()
    generate_dataset(folder / "faces", n=240, pool=1, seed=0, progress=False)
    with bucket_server(folder) as port:
        yield folder, port


@pytest.fixture(scope="module")
def local(served, tmp_path_factory):
    """A checkout in which the workflow ran on the same files, without a bucket."""
    checkout = Checkout(tmp_path_factory.mktemp("buckets"))
    done = checkout.run("--source", str(served[0] / "faces" / "manifest.parquet"))
    assert done.returncode == 0, done.stderr
    yield checkout
    checkout.command("aletheia", "tracking", "stop")


@pytest.fixture(scope="module")
def outputs(served, local, tmp_path_factory):
    """What each step made; each ran in a process, an empty folder and a cache of its own, deleted afterwards."""
    values = {**local.small, **local.grid, "source": "s3://faces/manifest.parquet", "network_controls": False}
    steps = record_steps(ROOT / "workflows" / "main.py", RunConfig.parse(values))
    address = local.command(
        "python", "-c", "from aletheia.tracking import ensure_tracking; print(ensure_tracking())", check=True
    ).stdout.splitlines()[-1]
    made: dict[str, dict] = {}
    for step in steps:
        if not step.only_with:
            folder = tmp_path_factory.mktemp(step.name)
            made[step.name] = run_step(step, made, folder, {**local.environment, **environment(served[1])}, address)
            shutil.rmtree(folder)
    return made


def run_step(step: Step, made: dict[str, dict], folder: Path, variables: dict[str, str], address: str) -> dict:
    def value(of):
        return made[of.step][of.key] if isinstance(of, StepOutput) else of

    description = dataclasses.asdict(step) | {"artifact_path": "s3://runs/one"}
    for name in ("params", "inputs", "hyperparams"):
        description[name] = {key: value(each) for key, each in getattr(step, name).items()}
    (folder / "work").mkdir()
    more = {"MLRUN_DBPATH": address, "ALETHEIA_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _STEP, json.dumps(description)],
        cwd=folder / "work",
        env=variables | more,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{step.name}: {done.stdout[-2000:]} {done.stderr[-4000:]}"
    assert SECRET not in done.stdout + done.stderr
    return json.loads(done.stdout.split("OUT")[-1])


def test_steps_that_share_a_bucket_give_the_local_result(outputs, local):
    summary = local.summary()
    assert outputs["evaluate"]["auc"] == pytest.approx(summary["test_auc"], abs=1e-9)
    assert {name: outputs["prepare-data"][f"rows_{name}"] for name in ("train", "val", "test")} == summary["rows"]
    assert json.loads(outputs["search-hyperparameters"]["best"]) == summary["best_params"]
    hashes = ("data_hash", "test_data_hash")
    here = local.last_outputs("evaluate")
    assert [outputs["evaluate"][name] for name in hashes] == [here[name] for name in hashes]


def test_split_is_the_same_row_by_row(outputs, served, local):
    for part in ("train", "val", "test"):
        (there,) = (served[0] / "runs").glob(f"one/*/prepare-data/0/{part}.parquet")
        (here,) = (local.folder / "artifacts").glob(f"*/*/prepare-data/0/{part}.parquet")
        remote, own = pd.read_parquet(there), pd.read_parquet(here)
        assert [Path(path).name for path in remote["path"]] == [Path(path).name for path in own["path"]]
        assert not remote["path"].str.startswith("/").any()
        assert all((there.parent / path).resolve().is_file() for path in remote["path"])  # relative to the manifest
        assert remote["original"].str.startswith("s3://faces/").all()


def test_credentials_are_written_nowhere(outputs, served, local):
    del outputs
    files = [file for folder in (served[0], local.folder) for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 500
    assert [file for file in files if SECRET.encode() in file.read_bytes()] == []


def test_predict_with_a_model_in_a_bucket(outputs, served, local, tmp_path):
    del outputs
    (model,) = (served[0] / "runs").glob("one/*/register/0/detector")
    picture = next((served[0] / "faces").rglob("*.jpg"))
    url = f"s3://runs/{model.relative_to(served[0] / 'runs')}"
    answers = []
    for name in (url, str(model), "candidate"):
        done = local.command(
            "aletheia", "predict", "--json", "--model", name, str(picture), check=True,
            **environment(served[1]), ALETHEIA_CACHE=str(tmp_path / "cache"),
        )  # fmt: skip
        answers.append(json.loads(done.stdout))
    assert answers[0]["model"] == url
    assert len({answer["probability"] for answer in answers}) == 1


def test_evaluate_with_model_and_data_in_buckets(outputs, served, local, tmp_path):
    """The numbers are those of the same files in folders."""
    del outputs
    (model,) = (served[0] / "runs").glob("one/*/register/0/detector")
    table = served[0] / "faces" / "manifest.parquet"
    reports = []
    for places in ([f"s3://{place.relative_to(served[0])}" for place in (model, table)], [str(model), str(table)]):
        done = local.command(
            "aletheia", "evaluate", *places, "--json", "--delivery-faces", "4", "--report", str(tmp_path / "page.html"),
            check=True, **environment(served[1]), ALETHEIA_CACHE=str(tmp_path / "cache"),
        )  # fmt: skip
        reports.append(json.loads(done.stdout))
    names = ("metrics", "confusion", "weights_sha256", "test_data_hash")
    first, second = ([report[name] for name in names] for report in reports)
    assert first == second and reports[0]["model"].startswith("s3://runs/one/")


def test_run_stores_where_it_is_told(served, local):
    """One command, with a key that is wrong: refused before anything runs, without the word in it."""
    wrong = {**environment(served[1]), "AWS_SECRET_ACCESS_KEY": "another-word"}
    before = set((served[0] / "runs").rglob("*"))
    done = local.run("--source", "s3://faces/manifest.parquet", "--artifact-path", "s3://runs/two", **wrong)
    assert done.returncode == 2 and "refused the credentials" in done.stderr
    assert "another-word" not in done.stdout + done.stderr
    done = local.run("--source", "synthetic", "--artifact-path", "s3://nobucket/two", **environment(served[1]))
    assert done.returncode == 2 and "there is no bucket nobucket" in done.stderr
    assert set((served[0] / "runs").rglob("*")) == before
