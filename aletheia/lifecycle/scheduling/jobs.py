"""The jobs themselves. Whatever one raises is noted as its result, and the next one runs all the same.

What takes long or much memory, retraining and pruning, runs in a process of its own, which ends with the scheduler.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from aletheia.core.errors import InputError
from aletheia.core.lifetime import importable_environment, start_bound
from aletheia.core.wording import counted
from aletheia.lifecycle.alerts.looking import look_once
from aletheia.lifecycle.alerts.rules import read_alerts
from aletheia.lifecycle.model_versions.catalog import load_catalog
from aletheia.lifecycle.prediction_log.place import default_log
from aletheia.lifecycle.retraining.record import INTERRUPTED, read_record
from aletheia.lifecycle.retraining.triggers import alert_states
from aletheia.lifecycle.scheduling.config import Schedule
from aletheia.lifecycle.scheduling.results import JobResult, ResultLog
from aletheia.models.spec import check_files
from aletheia.release.registry import PROJECT
from aletheia.tracking.reader import Reader
from aletheia.tracking.run_process import end_lost_runs

OK, ERROR = "ok", "error"
#: Attempts at a retraining that is interrupted again and again.
MOST_ATTEMPTS = 3
_LOG_BYTES = 5_000_000  # of the output of children, after which it is put aside
#: Meaning of the exit codes of `aletheia retrain`.
_RETRAINED = {0: "registered", 3: "not due", 4: "refused"}


class Outcome(NamedTuple):
    """What a job came to: a state, and a sentence or more."""

    state: str
    text: str


class Jobs:
    """The jobs of one schedule.

    Parameters
    ----------
    schedule : Schedule
    results : ResultLog
        Where outcomes are noted.
    folder : path
        Of the project, in which retrainings run.
    output : path
        File that takes what children print.
    """

    def __init__(self, schedule: Schedule, results: ResultLog, folder: Path, output: Path) -> None:
        self.schedule, self.results = schedule, results
        self._folder, self._output = folder, output
        self._children: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()
        self._is_stopping = False

    def run(self, name: str) -> Outcome:
        """Run a job and note what it came to; raises nothing that the job raised."""
        started = time.time()
        try:
            outcome = self._functions()[name]()
        except InputError as error:
            outcome = Outcome(ERROR, str(error))
        except Exception as error:  # a defect of one job must not end the others
            outcome = Outcome(ERROR, f"{type(error).__name__}: {error}")
        if self._is_stopping and outcome.state == ERROR:
            outcome = Outcome(INTERRUPTED, "The scheduler was stopped meanwhile.")
        self.results.note(JobResult(name, started, time.time(), *outcome))
        return outcome

    def stop(self) -> None:
        """End the children; jobs that wait for them come to their end."""
        with self._guard:
            self._is_stopping = True
            children = list(self._children)
        for child in children:
            child.terminate()

    def _functions(self) -> dict[str, Callable[[], Outcome]]:
        return {"alerts": self._alerts, "retrain": self._retrain, "prune": self._prune, "reconcile": self._reconcile}

    @property
    def _log(self) -> Path:
        return self.schedule.log or default_log()

    def _alerts(self) -> Outcome:
        if not self._log.is_file():
            return Outcome(OK, f"There is no prediction log at {self._log} yet.")
        states = alert_states(self._log)
        failures = look_once(read_alerts(self.schedule.alerts.rules), states, self._log)
        fires = [name for name, state in states.rules.items() if state.firing_since is not None]
        text = f"Firing: {', '.join(fires)}." if fires else "No rule fires."
        return Outcome(ERROR if failures else OK, " ".join([text, *failures]))

    def _retrain(self) -> Outcome:
        job, record = self.schedule.retrain, read_record()
        when, add, again = list(job.when), [str(path) for path in job.add], ""
        if record is not None and record.state == INTERRUPTED:
            if record.attempts >= MOST_ATTEMPTS:
                return Outcome(
                    INTERRUPTED,
                    f"The retraining of {record.champion} was interrupted {record.attempts} times and is not tried "
                    "again by itself; `aletheia retrain` does so.",
                )
            when, add, again = ["now"], record.add, f"Going on with the interrupted retraining of {record.champion}. "
        words = ["retrain", "--json", f"--promote={job.promote}", f"--at-least={job.at_least}", f"--log={self._log}"]
        words += [f"--every={int(job.age)}s", *(f"--when={name}" for name in when), *(f"--add={path}" for path in add)]
        words += [f"--accept-unjudged={check}" for check in job.accept_unjudged]
        if job.artifact_path:
            words.append(f"--artifact-path={job.artifact_path}")
        if self.schedule.alerts.rules:
            words.append(f"--alerts={self.schedule.alerts.rules}")
        code, printed, errors = self._child(words)
        if code not in _RETRAINED:
            return Outcome(ERROR, again + (errors or f"aletheia retrain ended with {code}; see {self._output}."))
        try:
            told = json.loads(printed)
        except ValueError:
            return Outcome(ERROR, f"aletheia retrain printed no JSON; see {self._output}.")
        sentences = told.get("sentences") or [told["plan"]["reason"]]
        return Outcome(_RETRAINED[code], again + " ".join(sentences))

    def _prune(self) -> Outcome:
        code, printed, errors = self._child(["models", "prune", f"--keep={self.schedule.prune.keep}"])
        return Outcome(OK, printed.strip()) if code == 0 else Outcome(ERROR, errors or f"It ended with {code}.")

    def _reconcile(self) -> Outcome:
        """Look whether production is whole and single, and say and end what an interruption left."""
        from aletheia.tracking import ensure_tracking

        with Reader(ensure_tracking()) as reader:
            catalog = load_catalog(reader, PROJECT)
            ended = end_lost_runs(reader, PROJECT)
        record = read_record()
        sentences = [f"Ended {counted(len(ended), 'run')} of killed processes."] if ended else []
        if record is not None and record.state == INTERRUPTED:
            sentences.append(f"The retraining of {record.champion} was interrupted; the next look at it goes on.")
        model = catalog.production
        if model is None:
            return Outcome(OK, " ".join(["Nothing is in production.", *sentences]))
        if model.folder is not None or model.in_bucket:
            try:
                check_files(model.fetch())
            except InputError as error:
                text = f"{model.name}, in production, is not whole: {error} `aletheia models rollback` helps."
                return Outcome(ERROR, text)
        return Outcome(OK, " ".join([f"{model.name} is in production, and whole.", *sentences]))

    def _child(self, words: Sequence[str]) -> tuple[int, str, str]:
        """Run a command of ours; returns exit code, what it printed, and its last sentence of error."""
        if self._output.exists() and self._output.stat().st_size > _LOG_BYTES:
            self._output.replace(self._output.with_name(f"{self._output.name}.1"))
        with self._output.open("ab") as output:
            output.write(f"\n{time.strftime('%Y-%m-%d %H:%M:%S')} aletheia {' '.join(words)}\n".encode())
            output.flush()
            begin = output.tell()
            with self._guard:
                if self._is_stopping:
                    raise InputError("The scheduler is being stopped.")
                child = start_bound(
                    [sys.executable, "-m", "aletheia.cli", "-q", *words],
                    cwd=self._folder,
                    env=importable_environment(),
                    stdout=subprocess.PIPE,
                    stderr=output,
                )
                self._children.add(child)
            try:
                assert child.stdout is not None
                printed = child.stdout.read().decode("utf-8", "replace")
                code = child.wait()
            finally:
                self._children.discard(child)
        with self._output.open("rb") as output:
            output.seek(begin)
            lines = output.read().decode("utf-8", "replace").strip().splitlines()
        return code, printed, lines[-1] if lines else ""


_jobs: list[Jobs] = []  # those of this process, which the store can only name


def use_jobs(jobs: Jobs) -> None:
    """Let `run_job` run the jobs of a schedule in this process."""
    _jobs[:] = [jobs]


def run_job(name: str) -> None:
    """Run a job; APScheduler calls this by its name."""
    if _jobs:
        _jobs[0].run(name)
