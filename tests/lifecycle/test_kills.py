"""Killed at any point of a promotion or rollback, there is one model in production: by tag, lookup and history."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import pytest

from aletheia.lifecycle.catalog import load_catalog
from aletheia.lifecycle.history import list_changes
from aletheia.release.registry import find_model
from aletheia.tracking import service
from aletheia.tracking.reader import Reader

pytestmark = pytest.mark.slow

#: Promotes and rolls back until it is killed; says so before each change, so that kills fall into one.
_CHANGES = """
import sys
from aletheia.lifecycle.production import change
project = sys.argv[1]
while True:
    for action, word in (("promote", "v1.0.1"), ("rollback", "")):
        print(action, flush=True)
        change(action, word, project=project)
"""


def assert_one_in_production(registry) -> str:
    """Check that all that name the model in production name the same; returns its version."""
    (version,) = registry.production()
    catalog = load_catalog(registry.reader, registry.name)
    assert list_changes(catalog)[-1].to == catalog.switches[-1].version == catalog.production.version == version
    assert find_model("production", project=registry.name).version == version
    return version


def start_changes(registry) -> subprocess.Popen:
    """Start a process that changes production for ever, from v1.0.0 on."""
    if registry.production() != ["v1.0.0"]:
        registry.change("rollback", "v1.0.0")
    command = [sys.executable, "-c", _CHANGES, registry.name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_killed_while_it_changes_production(registry):
    registry.register("production")
    registry.register()
    rng, seen = random.Random(1), set()
    for _ in range(3):
        process = start_changes(registry)
        for _ in range(rng.randint(1, 3)):
            assert process.stdout.readline()
        time.sleep(rng.uniform(0, 0.1))  # a random point of the change; any delay is a valid test
        process.kill()
        process.wait()
        process.stdout.close()
        seen.add(assert_one_in_production(registry))
    assert seen <= {"v1.0.0", "v1.0.1"}
    if registry.production() == ["v1.0.0"]:
        registry.change("promote", "v1.0.1")
    assert assert_one_in_production(registry) == "v1.0.1"


@pytest.fixture
def mortal(tmp_path, monkeypatch):
    """A registry whose tracking service is its own, to be killed."""
    from aletheia.core.settings import get_settings

    home = tmp_path / "home"
    running = service.start(home, port=0)
    for name, value in (("ALETHEIA_HOME", str(home)), ("ALETHEIA_TRACKING_PORT", str(running.port))):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLRUN_DBPATH", running.url)
    get_settings.cache_clear()
    yield home, running
    service.stop(home)
    get_settings.cache_clear()


def test_tracking_service_killed_while_it_changes_production(mortal, tmp_path):
    import psutil

    from ..lifecycle_factories import Registry

    home, running = mortal
    registry = Registry(running.url, tmp_path / "artifacts")
    registry.register("production")
    registry.register()
    rng = random.Random(2)
    for _ in range(3):
        process = start_changes(registry)
        assert process.stdout.readline()
        time.sleep(rng.uniform(0, 0.1))
        psutil.Process(running.pid).kill()
        process.kill()
        process.wait()
        process.stdout.close()
        running = service.start(home, port=running.port)
        registry.reader = Reader(running.url)
        assert_one_in_production(registry)
