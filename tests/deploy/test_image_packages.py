"""What runs inside the serving image, where only its own packages can be imported."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aletheia.core.lifetime import importable_environment
from aletheia.lifecycle.prediction_log.table import PredictionTable

from ..lifecycle.logs import traffic
from ..packaging.commands import ROOT

#: Runs our command where every package is missing that is installed here and not in the image.
_IN_THE_IMAGE = """
import importlib.metadata, re, sys

def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()

text = open(sys.argv[1]).read()
image = {normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.M)} | {"aletheia"}
owned = importlib.metadata.packages_distributions().items()
missing = {module for module, owners in owned if not image & {normal(owner) for owner in owners}}
assert missing >= {"plotly", "matplotlib", "torch"}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
sys.argv = ["aletheia", *sys.argv[2:]]
from aletheia.cli.__main__ import main
main()
"""
_LIST = ROOT / "deploy" / "serving" / "requirements.txt"
pytestmark = pytest.mark.slow


@pytest.fixture
def log(tmp_path) -> Path:
    table = PredictionTable(tmp_path / "log.sqlite")
    table.append(traffic(300, start=time.time() - 9000))
    table.close()
    return tmp_path / "log.sqlite"


def start(log: Path, *words: str) -> subprocess.Popen:
    command = [sys.executable, "-c", _IN_THE_IMAGE, _LIST, "monitor", "--log", log, *words]
    environment = importable_environment() | {"ALETHEIA_HOME": str(log.parent / "home")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(list(map(str, command)), cwd=log.parent, env=environment, **pipes)


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["text", "json"])
def test_summary(log, words):
    out, errors = (process := start(log, *words)).communicate(timeout=240)
    assert process.returncode == 0, errors
    if words:
        assert json.loads(out)["versions"][0]["answers"] == 300
    else:
        assert "What is asked and what is answered has not changed." in out


def test_watch(log):
    with start(log, "--watch", "--look", "1s", "--metrics-port", "0") as process:
        told = ""
        while "Watching" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=240)
    assert re.search(r"^slow: quiet$", out, re.M), told + errors


def test_page_says_what_is_missing(log):
    out, errors = (process := start(log, "--report", "page.html")).communicate(timeout=240)
    assert process.returncode == 2, out
    assert "plotly" in errors and "Traceback" not in errors
