"""A retraining killed at random points changes nothing that answers; one that is let through ends in production."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import torch
from mlflow import MlflowClient

from aletheia.core.process_lock import holder
from aletheia.lifecycle.model_versions.catalog import load_catalog
from aletheia.lifecycle.model_versions.history import list_changes
from aletheia.lifecycle.retraining.record import INTERRUPTED, lock_path, read_record
from aletheia.models.bundle import load_bundle, save_bundle
from aletheia.models.spec import check_files, read_spec
from aletheia.release.checks.listing import registered_checks
from aletheia.tracking import service
from aletheia.tracking.reader import Reader

from ..bucket_server import bucket_server, environment
from ..waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1200)]

PROJECT, KEY = "aletheia", "detector"
_STEPS = ("add-faces", "train", "judge", "evaluate")

#: Imports all that a retraining needs once, then runs one in a fork for each line that it reads, whose number it says;
#: the line is how that ends, and the new faces.
#: Staging starts a service, and is killed in tests of its own. Nothing is held back: of a dozen new faces, which model
#: gets more of them right is chance, and a refused one registers nothing.
_RETRAININGS = """
import json, os, signal, sys
import mlrun, plotly.graph_objects
import aletheia.audit.audit, aletheia.evaluation.evaluate, aletheia.reports.evaluation_report, aletheia.training.fit
import aletheia.project.retrain_config, aletheia.project.runner, aletheia.release.model_card
from aletheia.lifecycle.retraining import handover
from aletheia.project.retraining import plan_retraining, run_retraining

handover.deploy_to_staging = lambda version, project: (True, f"{version} is staged.")
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # MLRun's lines go elsewhere
for line in sys.stdin:
    end, _, faces = line.strip().partition(" ")
    child = os.fork()
    if not child:
        os.setsid()
        if end == "killed":  # before it is through, however late
            handover.deploy_to_staging = lambda *_, **__: signal.pause()
        outcome = run_retraining(plan_retraining([faces]), auto_promote=True, held_back_share=0)
        print(json.dumps({"state": outcome["state"], "version": outcome["version"]}), file=answers, flush=True)
        os._exit(0)
    print(child, file=answers, flush=True)
    os.waitpid(child, 0)
    print("ended", file=answers, flush=True)
"""


class Project:
    """The project of the checkout, with a champion in production that is worse than any other model.

    Parameters
    ----------
    checkout : Checkout
    models : Path
        A folder in which it lies.
    address : str
        Of that folder; by default it is the folder.
    """

    def __init__(self, checkout, models: Path, address: str = "") -> None:
        self.home = Path(checkout.environment["ALETHEIA_HOME"])
        url = service.find(self.home).url
        self.reader, self.http = Reader(url), httpx.Client(base_url=url, trust_env=False, timeout=120)
        name = f"negated-{uuid.uuid4().hex[:8]}"
        self.champion = self._register(models / name, f"{address or models}/{name}/")

    def _register(self, folder: Path, target: str) -> str:
        """Register the model of the checkout with its answers turned round, and a recipe of seconds."""
        found = load_catalog(self.reader, PROJECT).find("v1.0.0")
        network, spec = load_bundle(found.folder)
        with torch.no_grad():
            network.head.weight.neg_()
            network.head.bias.neg_()
        bare = {"onnx": None, "abstention": None, "profile": "", "golden": ""}
        save_bundle(folder, network, spec.model_copy(update=bare))
        spec = read_spec(folder)
        runs = {run["metadata"]["uid"]: run for run in self.reader.runs(PROJECT)}
        evaluate = runs[found.labels["evaluation"]]
        workflow = runs[evaluate["metadata"]["labels"]["workflow"]]
        quick = {"epochs": 1, "source_folds": 0, "network_controls": False}
        record = self._note("main", {**workflow["spec"]["parameters"], **quick}, {})
        labels = {"recipe": found.labels["recipe"], "weights": spec.weights_sha256[:32]}
        labels["evaluation"] = self._note("evaluate", {}, evaluate["spec"]["inputs"], record)
        names = (f"v1.{minor}.1" for minor in range(20))
        version = next(name for name in names if self.reader.claim_version(PROJECT, KEY, name, labels["recipe"]))
        labels["version"] = version
        tree = uuid.uuid4().hex
        body = {
            "kind": "model",
            "metadata": {"key": KEY, "tree": tree, "labels": labels},
            "spec": {"target_path": target, "algorithm": spec.architecture},
        }
        self.http.put(
            f"/api/v2/projects/{PROJECT}/artifacts/{KEY}", params={"tree": tree, "tag": version}, json=body
        ).raise_for_status()
        self.reader.set_tag(PROJECT, "production", KEY, self.catalog().find(version).uid)
        return version

    def _note(self, name: str, parameters: dict, inputs: dict, workflow: str = "") -> str:
        uid = uuid.uuid4().hex
        body = {
            "metadata": {"name": name, "uid": uid, "labels": {"workflow": workflow or uid}},
            "spec": {"parameters": parameters, "inputs": inputs},
            "status": {"state": "completed"},
        }
        self.http.post(f"/api/v1/projects/{PROJECT}/runs/{uid}", json=body).raise_for_status()
        return uid

    def catalog(self):
        return load_catalog(self.reader, PROJECT)

    def begun(self, step: str, since: set[str]) -> bool:
        """Whether a step has begun that was not there before."""
        runs = self.http.get(f"/api/v1/projects/{PROJECT}/runs", params={"name": step}).json()["runs"]
        return any(run["metadata"]["uid"] not in since for run in runs if run["metadata"]["name"] == step)

    def assert_unharmed(self) -> list[str]:
        """Check that the old model alone is in production, and every registered one whole; returns the versions."""
        models = self.catalog().models
        assert [model.name for model in models if "production" in model.tags] == [self.champion]
        for model in models:
            assert model.version
            check_files(model.folder)
        return [model.version for model in models]


@contextlib.contextmanager
def in_production(project: Project) -> Iterator[Project]:
    yield project
    production = project.catalog().production
    project.reader.remove_tag(PROJECT, "production", KEY, production.uid)


@pytest.fixture
def project(checkout, summary):
    with in_production(Project(checkout, checkout.folder / "artifacts")) as project:
        yield project


@pytest.fixture
def retrainings(checkout):
    """A process that runs retrainings, and what it prints besides, for the message of a failure."""
    with (checkout.folder / "retrainings.log").open("w") as errors:
        process = subprocess.Popen(
            ["python", "-c", _RETRAININGS],
            executable=shutil.which("python", path=checkout.environment["PATH"]),
            cwd=checkout.folder,
            env=checkout.environment | {"TQDM_DISABLE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        yield process
        process.stdin.close()
        process.wait(timeout=120)
        process.stdout.close()


@pytest.fixture
def manifest(checkout) -> Path:
    """New faces."""
    code = "from aletheia.datasets.synthetic.strangers import draw_strangers; print(draw_strangers('strangers', 60))"
    return checkout.folder / checkout.command("python", "-c", code, check=True).stdout.strip().splitlines()[-1]


def test_killed_at_random_points(checkout, project, retrainings, manifest):
    def start(end: str) -> int:
        retrainings.stdin.write(f"{end} {manifest}\n")
        retrainings.stdin.flush()
        return int(retrainings.stdout.readline())

    rng, before = random.Random(4), project.assert_unharmed()
    for step in (*rng.sample(_STEPS, 2), "register"):  # the one that could leave half a version in any case
        known = {run["metadata"]["uid"] for run in project.reader.runs(PROJECT)}
        child = start("killed")
        wait_for(
            lambda step=step, known=known, child=child: project.begun(step, known) or not psutil.pid_exists(child),
            seconds=240,
            message=lambda: (checkout.folder / "retrainings.log").read_text()[-4000:],
        )
        time.sleep(rng.uniform(0, 0.3))  # a random point of the step; any delay is a valid test
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        assert retrainings.stdout.readline() == "ended\n"
        assert set(project.assert_unharmed()) >= set(before)
        assert read_record(project.home).state == INTERRUPTED
        assert holder(lock_path(project.home)) is None

    killed = {run["metadata"]["uid"] for run in project.reader.runs(PROJECT)}
    start("whole")
    outcome = json.loads(retrainings.stdout.readline())
    assert outcome["state"] == "registered", (checkout.folder / "retrainings.log").read_text()[-4000:]
    assert outcome["version"] in project.assert_unharmed()
    # A patch, though its data differ.
    assert outcome["version"].rpartition(".")[0] == project.champion.rpartition(".")[0]
    assert retrainings.stdout.readline() == "ended\n"
    record = read_record(project.home)
    assert (record.state, record.version, record.attempts) == ("registered", outcome["version"], 4)
    states = {run["metadata"]["uid"]: run["status"]["state"] for run in project.reader.runs(PROJECT)}
    assert "running" not in states.values()  # the next retraining ended what the killed ones had left
    assert "aborted" in {states[uid] for uid in killed}
    assert any("The gate does not let it into production" in sentence for sentence in record.sentences)


def served_release(checkout) -> str:
    """The version that a service of its own answers with, for what is in production."""
    with checkout.start("aletheia", "serve", "--port", "0", "--no-page", "--no-record") as service:
        line = next((line for line in service.stderr if line.startswith("Ready at ")), "")
        picture = next((checkout.folder / "data").glob("synthetic-*/fake/*/*.jpg")).read_bytes()
        url = line.removeprefix("Ready at ").removesuffix("/docs\n")
        answer = httpx.post(f"{url}/v1/predict", files={"file": picture}, timeout=60, trust_env=False).json()
        service.terminate()
        service.communicate(timeout=120)
    return answer["model"]["release"]


def retrain(checkout, manifest, *words: str, **variables: str) -> dict:
    """Retrain until production; few test people let little be judged, which is accepted by name."""
    codes = [check.code for check in registered_checks()]
    accepted = [f"--accept-unjudged={code}" for code in codes if code not in ("no-leakage", "no-shortcut")]
    done = checkout.command(
        "aletheia", "retrain", str(manifest), "--held-back=0", "--promote=auto", "--json", *accepted, *words,
        **variables, TQDM_DISABLE="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    outcome: dict = json.loads(done.stdout)
    assert outcome["promoted"], "\n".join(outcome["sentences"])
    return outcome


def test_in_a_bucket(checkout, summary, manifest, tmp_path):
    """The champion lies in a bucket, its successor goes there, and another machine answers by it."""
    for bucket in ("models", "runs"):
        (tmp_path / "served" / bucket).mkdir(parents=True)
    champion = Project(checkout, tmp_path / "served" / "models", "s3://models")
    with in_production(champion) as project, bucket_server(tmp_path / "served") as port:
        variables = environment(port) | {"ALETHEIA_CACHE": str(tmp_path / "cache")}
        refused = checkout.command("aletheia", "retrain", str(manifest), **variables)
        assert refused.returncode == 2 and "--artifact-path s3://BUCKET/runs" in refused.stderr
        version = retrain(checkout, manifest, "--artifact-path=s3://runs", **variables)["version"]
        successor = project.catalog().production
        assert successor.version == version != project.champion and successor.target.startswith("s3://runs/")
        picture = str(next((checkout.folder / "data").glob("synthetic-*/fake/*/*.jpg")))
        elsewhere = variables | {"ALETHEIA_CACHE": str(tmp_path / "another")}
        answered = checkout.command("aletheia", "predict", "--json", picture, check=True, **elsewhere)
        assert json.loads(answered.stdout)["model"].endswith(":production")


def test_promoted_by_itself(checkout, project, manifest, tmp_path):
    """By the real gate and staging; what was accepted is recorded."""
    mlflow = f"sqlite:///{tmp_path / 'mlflow.db'}"
    outcome = retrain(checkout, manifest, MLFLOW_TRACKING_URI=mlflow)
    version = outcome["version"]
    assert outcome["sentences"][-1] == f"{version} is in production in place of {project.champion}."
    catalog = project.catalog()
    assert catalog.production.version == version != project.champion
    check_files(catalog.production.folder)
    switch = list_changes(catalog)[-1]
    assert (switch.action, switch.uid) == ("promote", catalog.production.uid)
    assert switch.reason == f"retraining of {project.champion}, promoted by configuration"
    exceptions = switch.exceptions.split(", ")
    assert "accepted beats-controls" in exceptions and "accepted no-leakage" not in exceptions  # which passed
    client = MlflowClient(mlflow)
    known = client.get_model_version_by_alias(f"{PROJECT}.{KEY}", "production")
    assert known.tags["version"] == version
    assert served_release(checkout) == version
