"""Killed at any point of a promotion, rollback or deployment, there is one model in production, and all name the same.

By its tag, by lookup and by the history; by the alias in MLflow after the next command; and by the running service,
which is killed in between as well.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from aletheia.core.settings import get_settings
from aletheia.lifecycle.model_versions.alias_mirror import align_aliases
from aletheia.lifecycle.model_versions.catalog import load_catalog
from aletheia.lifecycle.model_versions.history import list_changes
from aletheia.models.spec import read_spec
from aletheia.release.registry import find_model
from aletheia.tracking import service
from aletheia.tracking.reader import Reader

from ...lifecycle_factories import PASSED, Registry
from ...model_factories import write_random_bundle
from ...waiting import free_port, wait_for

pytestmark = pytest.mark.slow

#: Forks a process for each line of its input (importing everything anew would take seconds each), and writes its pid.
_FORKS = """
import json, os, signal, sys
import mlflow, aletheia.tracking.mlflow_export, aletheia.cli.root
from aletheia.lifecycle.model_versions.production import change
from aletheia.lifecycle.staging.deployment import deploy
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
project = sys.argv[1]
print("ready", flush=True)
for line in sys.stdin:
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    while True:  # until it is killed
        for action, word in json.loads(line):
            if action == "deploy":
                deploy(word, project=project)
            elif action == "deploy to production":
                deploy(word, "production", project=project)
            else:
                change(action, word, project=project)
"""
#: What is done again and again until the kill, and the longest time until then, seconds.
_CHANGES = ([["promote", "v1.0.1"], ["rollback", ""]], 1.0)
_TO_PRODUCTION = ([["deploy to production", "v1.0.1"], ["rollback", ""]], 1.0)
_STAGING = ([["deploy", "v1.0.1"]], 5.0)


def assert_one_in_production(registry) -> str:
    """Check that all that name the model in production name the same; returns its version."""
    (version,) = registry.production()
    catalog = load_catalog(registry.reader, registry.name)
    assert list_changes(catalog)[-1].to == catalog.switches[-1].version == catalog.production.version == version
    assert find_model("production", project=registry.name).version == version
    return version


class Forks:
    """A process that forks others, which carry out changes until they are killed."""

    def __init__(self, project: str) -> None:
        command = [sys.executable, "-c", _FORKS, project]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout.readline() == "ready\n"

    def kill_one(self, actions: list[list[str]], seconds: float) -> None:
        """Start actions, and kill the process after so long; none of its own processes may stay behind."""
        self.process.stdin.write(json.dumps(actions) + "\n")
        self.process.stdin.flush()
        process = psutil.Process(int(self.process.stdout.readline()))
        time.sleep(seconds)
        family: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):  # it may be through already
            family = process.children(recursive=True)
            process.kill()
            process.wait(120)
        _, alive = psutil.wait_procs(family, timeout=120)
        assert not alive

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Serving:
    """A real service that follows production, as a process that can be killed."""

    def __init__(self, model: str, folder: Path) -> None:
        self.model, self.log = model, folder / "serve.log"
        self.process, self.url = None, ""

    def start(self) -> None:
        command = [sys.executable, "-m", "aletheia.cli", "serve", "--model", self.model, "--port", "0", "--no-page"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*command, "--no-record", "--workers", "1"], stderr=log)
        ready = re.compile(r"^Ready at (\S+)/docs\n", re.M)
        wait_for(
            lambda: ready.search(self.log.read_text()) or self.process.poll() is not None, message=self.log.read_text
        )
        assert self.process.poll() is None, self.log.read_text()
        self.url = ready.search(self.log.read_text())[1]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def version(self) -> str:
        """Return the version that it answers with."""
        return httpx.get(f"{self.url}/v2/models/detector", timeout=120, trust_env=False).json()["release"]

    def assert_answers_with(self, version: str) -> None:
        wait_for(lambda: self.version() == version, message=lambda: f"it answers with {self.version()}, not {version}")


@pytest.fixture
def two(registry, tmp_path) -> Registry:
    """Two models that can be served, the first in production."""
    for seed, tag in enumerate(("production", "candidate")):
        folder = write_random_bundle(tmp_path / f"model-{seed}", seed, checks=PASSED)
        registry.register_bundle(folder, read_spec(folder), tag)
    return registry


@pytest.fixture
def forks(two, uri, monkeypatch) -> Iterator[Forks]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    forks = Forks(two.name)
    yield forks
    forks.close()


def test_killed_at_twenty_points(two, forks, mlflow, tmp_path):
    rng, seen, behind = random.Random(1), set(), 0
    running = Serving(f"store://models/{two.name}/detector:production", tmp_path)
    running.start()

    def alias() -> str:
        return mlflow.get_model_version_by_alias(f"{two.name}.detector", "production").tags["version"]

    def assert_all_agree() -> str:
        nonlocal behind
        version = assert_one_in_production(two)
        with contextlib.suppress(Exception):  # before the first change MLflow knows none
            behind += alias() != version
        align_aliases(two.catalog(), two.name)  # as every command does that reads the models
        assert alias() == version
        running.assert_answers_with(version)
        return version

    plan = [_CHANGES] * 11 + [_TO_PRODUCTION] * 5 + [_STAGING] * 4
    rng.shuffle(plan)
    try:
        for number, (actions, longest) in enumerate(plan):
            if two.production() != ["v1.0.0"]:
                two.change("rollback", "v1.0.0")
            two.note_staging("v1.0.1")  # also where a staging was killed, or came to an end
            if number == 7:  # the service dies while production changes, and comes back with what that led to
                running.kill()
            forks.kill_one(actions, rng.uniform(0, longest))  # any delay is a valid test
            if number == 7:
                running.start()
            seen.add(assert_all_agree())
    finally:
        running.kill()
    assert seen <= {"v1.0.0", "v1.0.1"}
    print(f"MLflow was behind after {behind} of {len(plan)} kills")


@pytest.fixture
def mortal(tmp_path, monkeypatch):
    """A registry whose tracking service is its own, to be killed."""
    home = tmp_path / "home"
    running = service.start(home, port=free_port())
    for name, value in (("ALETHEIA_HOME", str(home)), ("ALETHEIA_TRACKING_PORT", str(running.port))):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLRUN_DBPATH", running.url)
    get_settings.cache_clear()
    yield home, running
    service.stop(home)
    get_settings.cache_clear()


#: Promotes and rolls back until it is killed; says so before each change, so that kills fall into one.
_LOOP = """
import sys
from aletheia.lifecycle.model_versions.production import change
while True:
    for action, word in (("promote", "v1.0.1"), ("rollback", "")):
        print(action, flush=True)
        change(action, word, project=sys.argv[1])
"""


def test_tracking_service_killed_while_it_changes_production(mortal, tmp_path):
    home, running = mortal
    registry = Registry(running.url, tmp_path / "artifacts")
    registry.register("production")
    registry.register()
    rng = random.Random(2)
    for _ in range(3):
        if registry.production() != ["v1.0.0"]:
            registry.change("rollback", "v1.0.0")
        command = [sys.executable, "-c", _LOOP, registry.name]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout.readline()
        time.sleep(rng.uniform(0, 0.1))
        psutil.Process(running.pid).kill()
        process.kill()
        process.wait()
        process.stdout.close()
        running = service.start(home, port=running.port)
        registry.reader = Reader(running.url)
        assert_one_in_production(registry)
