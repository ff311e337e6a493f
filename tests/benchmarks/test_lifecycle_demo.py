"""`make demo-lifecycle`: every step did what the table says, nothing stays behind, and a second call goes on."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from aletheia.lifecycle.model_versions.numbering import Version
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.tracking import service

from ..waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3600)]
ROOT = Path(__file__).parents[2]
STEPS = [
    "a model in production", "it answers", "a new generator", "feedback", "an alert", "retraining",
    "a trial on live requests", "promotion", "rollback", "the dashboard",
]  # fmt: skip


class Call:
    """One call of the demo: what it printed, and its steps by name."""

    def __init__(self, folder: Path, users_home: Path) -> None:
        self.folder = folder
        environment = {key: value for key, value in os.environ.items() if key != "MLRUN_DBPATH"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.lifecycle_demo", "--folder", str(folder)],
            cwd=ROOT,
            env=environment | {"ALETHEIA_HOME": str(users_home)},
            stdout=subprocess.PIPE,
            stderr=(folder.parent / "progress.txt").open("w"),
            text=True,
            # A shell that starts jobs in the background lets them ignore Ctrl-C, and their children inherit it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def finish(self) -> int:
        self.out, _ = self.process.communicate()
        self.progress = (self.folder.parent / "progress.txt").read_text()
        return self.process.returncode

    def steps(self, number: int) -> dict[str, dict]:
        """What was recorded so far; nothing before the first step has ended."""
        file = self.folder / "runs" / str(number) / "steps.json"
        return {step["name"]: step for step in json.loads(file.read_text())} if file.exists() else {}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "demo"


@pytest.fixture(scope="module")
def call(place):
    call = Call(place, place.parent / "home of the user")
    code = call.finish()
    assert code == 0, f"{call.progress}\n{call.out}"
    return call


@pytest.fixture(scope="module")
def facts(call):
    return {name: step["facts"] for name, step in call.steps(1).items()}


@pytest.fixture(scope="module")
def log(call):
    return call.folder / "runs" / "1" / "predictions.sqlite"


def left_behind(folder: Path) -> list[str]:
    """Command lines of processes that work in a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = " ".join(process.info["cmdline"] or ())
        if str(folder) in words or str(process.info["cwd"] or "").startswith(str(folder)):
            found.append(words)
    return found


def test_every_step_is_told_and_in_the_table(call, facts):
    assert list(facts) == STEPS
    for number, name in enumerate(STEPS, 1):
        assert f"{number}/{len(STEPS)} {name} …" in call.progress
        assert f"{number} {name.split()[0]}" in call.out
    assert "What happened" in call.out
    assert "FAILED" not in call.out


def test_the_new_generator_fools_the_model_and_labels_raise_the_alert(facts, log):
    new = facts["a new generator"]
    assert new["called_real"] > new["new"] / 4  # others "cannot tell"
    assert "worse" not in new["firing"]  # nobody knows the truth yet
    alert = facts["an alert"]
    assert "worse" in alert["firing"]
    assert any("points less often than its evaluation lets expect" in line for line in alert["told"])

    with sqlite3.connect(f"file:{log.with_name('feedback.sqlite')}?mode=ro", uri=True) as store:
        tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables
    assert facts["feedback"]["accepted"] == new["answers"]
    rows = read_log(log)
    during = rows.iloc[facts["it answers"]["answers"] :][: new["answers"]]
    assert (during["verdict"] == "real").sum() > new["called_real"] / 2


def test_the_new_version_is_better_on_new_faces_and_was_tried(facts):
    retrained, trial = facts["retraining"], facts["a trial on live requests"]
    assert Version.parse(retrained["version"]) > Version.parse(retrained["champion"])
    assert retrained["staged"]
    assert retrained["mended"] > retrained["broken"]
    assert trial["answer"] in ("better", "open")
    assert trial["labelled"] == sum(trial["wins"].values()) > 0
    assert trial["wins"]["challenger"] > trial["wins"]["champion"]


@pytest.mark.parametrize(("step", "which"), [("promotion", "version"), ("rollback", "champion")])
def test_tag_alias_and_service_name_the_same_version(facts, step, which):
    version = facts["retraining"][which]
    assert facts[step]["names"] == {"tag": version, "alias": version, "service": version}
    assert facts[step]["version"] == version
    assert facts[step]["lost"] == 0
    assert facts[step]["answers"] >= 5
    assert facts[step]["since_tag"] >= 0


def test_the_dashboard_shows_versions_changes_and_the_alert(facts):
    shown, retrained = facts["the dashboard"], facts["retraining"]
    assert set(shown["versions"]) == {retrained["champion"], retrained["version"]}
    assert shown["changes"][-2:] == ["promote", "rollback"]


def test_nothing_stays_behind_and_nothing_of_the_user_changes(call):
    assert left_behind(call.folder) == []
    assert service.find(call.folder / "home") is None
    assert not (call.folder.parent / "home of the user").exists()


def test_a_second_call_goes_on_with_the_model_and_ends_at_ctrl_c(call, facts, place):
    again = Call(place, place.parent / "home of the user")
    wait_for(lambda: "it answers" in again.steps(2) or again.process.poll() is not None, 900)
    assert again.process.poll() is None, again.folder
    assert left_behind(place)
    again.process.send_signal(signal.SIGINT)
    assert again.finish() == 130
    first = again.steps(2)["a model in production"]
    assert first["facts"]["production"] == facts["retraining"]["champion"]  # after the rollback
    assert first["commands"] == []  # neither trained nor promoted again
    assert left_behind(place) == []
    assert service.find(place / "home") is None
