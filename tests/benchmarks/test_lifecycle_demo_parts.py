"""Parts of `benchmarks.lifecycle_demo`: what counts as a failure, and what a table row says."""

from __future__ import annotations

import http.server
import json
import os
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from aletheia.lifecycle.monitoring.sample_traffic import sample_month
from aletheia.lifecycle.prediction_log.writer import PredictionLog
from benchmarks.lifecycle_demo import switching, terminal
from benchmarks.lifecycle_demo.demo import RULES, Demo, promote
from benchmarks.lifecycle_demo.recording import Recorder, Step
from benchmarks.lifecycle_demo.steps import alert, promotion
from benchmarks.lifecycle_demo.switching import switch
from benchmarks.lifecycle_demo.terminal import Done, StepError, Terminal, importable

from ..waiting import PATIENCE

ROOT = Path(__file__).parents[2]
REFUSAL = (
    "v1.0.0 did not pass the gate: “calibrated” is not judged (accept that with --accept-unjudged calibrated): few; "
    "“no weak cell” is not judged (accept that with --accept-unjudged no-weak-cell): few."
)


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A terminal whose `aletheia` is Python: `run("-c", code)`."""
    monkeypatch.setattr(terminal, "ALETHEIA", (sys.executable,))
    environment = os.environ | {"ALETHEIA_HOME": str(tmp_path / "home"), "PYTHONPATH": importable(ROOT)}
    return Terminal(tmp_path, environment, tmp_path / "commands.log")


def test_a_command_returns_what_it_printed_and_it_is_kept(shell):
    done = shell.run("-c", "import sys; print('answer'); print('progress', file=sys.stderr); sys.exit(3)", codes=(3,))
    assert done == Done(3, "answer\n", "progress\n")
    assert "answer\nprogress\n[exit code 3]" in shell.log.read_text()


def test_another_exit_code_fails_with_all_that_was_printed(shell):
    code = "import sys; print('x' * 5000, file=sys.stderr); print('last', file=sys.stderr); sys.exit(2)"
    with pytest.raises(StepError, match=r"ended with 2: .*last") as failure:
        shell.run("-c", code)
    assert failure.value.printed.startswith("x" * 5000)


def test_a_server_ends_with_its_block_and_one_that_ends_early_fails(shell):
    code = "import os, time; print('ready', os.getpid(), flush=True); time.sleep(600)"
    with shell.server("-c", code, ready=lambda printed: printed.endswith("\n")):
        pid = int(shell.log.read_text().split("\nready ")[-1])
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)
    with pytest.raises(StepError, match=r"did not start: .*no port"), shell.server(
        "-c", "raise SystemExit('no port')", ready=lambda _: False
    ):  # fmt: skip
        pass


def test_a_promotion_accepts_by_name_what_is_not_judged(tmp_path):
    typed = []

    def run(*words: str) -> str:
        typed.append(words)
        if len(typed) == 1:
            raise StepError("refused", REFUSAL)
        return "done"

    step = Step("promotion")
    assert promote(_demo(tmp_path), step, "v1.0.0", "because", "--waive=staging", run=run) == "done"
    first = ("models", "promote", "v1.0.0", "--waive=staging", "--reason", "because")
    assert typed == [first, (*first, "--accept-unjudged=calibrated", "--accept-unjudged=no-weak-cell")]
    assert step.facts == {"accepted_unjudged": ["calibrated", "no-weak-cell"]}
    assert "2 checks of the gate accepted by name" in step.seen[0]


def test_a_promotion_that_the_gate_refuses_fails(tmp_path):
    def run(*words: str) -> None:
        raise StepError("refused", "v1.0.0 did not pass the gate: “beats the controls” failed: 0.6 against 0.7.")

    with pytest.raises(StepError, match="refused"):
        promote(_demo(tmp_path), Step("promotion"), "v1.0.0", "because", run=run)


@pytest.mark.parametrize("answer", ["worse", "equivalent"])
def test_a_challenger_that_is_no_better_is_not_promoted(tmp_path, answer):
    demo = _demo(tmp_path)
    demo.decision = {"answer": answer, "promote": ""}
    with pytest.raises(StepError, match=f"does not speak for it: {answer}"):
        promotion(demo, Step("promotion"))


@pytest.mark.slow
def test_without_an_alert_the_step_fails(tmp_path):
    """The real command looks at a real log, in which no answer has a label."""
    environment = os.environ | {"ALETHEIA_HOME": str(tmp_path / "home"), "PYTHONPATH": importable(ROOT)}
    demo = _demo(tmp_path)
    demo.terminal = Terminal(tmp_path, environment, tmp_path / "commands.log")
    (tmp_path / RULES).write_text("rules: {}\n")
    log = PredictionLog(demo.log)
    for entry in sample_month(time.time(), rows=300, incidents=False):
        log.append(entry)
    log.close()
    step = Step("an alert")
    with pytest.raises(StepError, match="No alert “worse”"):
        alert(demo, step)
    assert step.facts["firing"] == []
    assert step.commands[0].startswith("aletheia monitor --alerts alerts.yaml --log predictions.sqlite")


def test_a_failed_step_is_in_the_table_and_in_the_file(shell, tmp_path, capsys):
    recorder = Recorder(shell, tmp_path / "steps.json", 2)
    with recorder.step("first") as step:
        step.seen.append("It [worked].")
        step.commands.append("aletheia models list")
    with pytest.raises(StepError), recorder.step("second"):
        raise StepError("nothing fires")
    recorder.print_table()
    out, err = capsys.readouterr()
    assert "1/2 first …" in err
    assert "It [worked]." in out
    assert "aletheia models list" in out
    assert "FAILED: nothing fires" in out
    assert [step["seen"] for step in json.loads((tmp_path / "steps.json").read_text())] == [
        ["It [worked]."], ["FAILED: nothing fires"]
    ]  # fmt: skip


class Service(http.server.BaseHTTPRequestHandler):
    """Answers in the name of the versions of its server, one after the other; "" loses the request."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        releases = self.server.releases
        release = releases.pop(0) if len(releases) > 1 else releases[0]
        release, _, role = release.partition(" ")
        body = json.dumps({"model": {"release": release, "role": role}}).encode()
        self.send_response(200 if release else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class _Changes:
    """A terminal whose command succeeds, and whose history knows of a change at the beginning of 1970."""

    def run(self, *words: str) -> Done:
        return Done(0, "", "")

    def json(self, *words: str) -> list[dict[str, str]]:
        return [{"moment": "1970-01-01T00:00:00+00:00"}]


@pytest.fixture
def service():
    server = http.server.HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("releases", "problem"),
    [
        (["v1", "v2"], None),
        (["v2 challenger", "v2"], None),  # its share of a trial is no promotion
        (["v2 challenger", "v1"], "did not answer with v2"),
        (["v1", "v2", "v1", "v2"], "Answers of another version came"),
        (["v1", "", "v2"], "1 of 7 requests were lost"),
        (["v1"], "did not answer with v2"),
    ],
)
def test_a_switch_is_whole_or_a_failure(service, monkeypatch, releases, problem):
    monkeypatch.setattr(switching, "_SECONDS", PATIENCE if releases[-1] == "v2" else 0.1)
    service.releases = list(releases)
    url = f"http://127.0.0.1:{service.server_port}"
    if problem:
        with pytest.raises(StepError, match=problem):
            switch(_Changes(), url, [b"picture"], "v2", "models", "rollback")
        return
    found = switch(_Changes(), url, [b"picture"], "v2", "models", "rollback")
    assert (found.version, found.answers, found.lost) == ("v2", 6, 0)
    assert found.since_tag > 1e9 > found.since_command >= 0  # seconds since 1970, as its history says


def _demo(folder: Path) -> Demo:
    return Demo(Terminal(folder, {"ALETHEIA_HOME": str(folder)}, folder / "log"), folder, "", "", 1, ())
