"""Conformance: every method of the stock client that reads parses what it gets, or raises an error of MLRun's own."""

from __future__ import annotations

import functools
import inspect
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ...waiting import wait_for

mlrun = pytest.importorskip("mlrun")
from mlrun.db.httpdb import HTTPRunDB  # noqa: E402 -- after the check that it is there

_PREFIXES = ("list_", "paginated_list_", "get_", "read_")
# These take objects of other kinds, or make no request.
_OTHER = {"get_builder_status", "get_nuclio_deploy_status", "get_api_path_prefix", "get_base_api_url"}
_VARIABLE = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
METHODS = sorted(
    name
    for name, member in inspect.getmembers(HTTPRunDB, inspect.isfunction)
    if name.startswith(_PREFIXES) and name not in _OTHER
)


@pytest.mark.parametrize("name", METHODS)
def test_reading_parses_the_answer(mlrun_project, name: str) -> None:
    """Lists of what there is not are empty; a single thing is missing, or not kept by this server."""
    method = getattr(mlrun.get_run_db(), name)
    arguments = {
        parameter.name: "none-such"
        for parameter in inspect.signature(method).parameters.values()
        if parameter.default is parameter.empty and parameter.kind not in _VARIABLE
    }
    if "project" in inspect.signature(method).parameters:
        arguments["project"] = mlrun_project.metadata.name
    try:
        method(**arguments)
    except mlrun.errors.MLRunBaseError as error:
        assert not name.startswith(("list_", "paginated_list_")) or "Iguazio" in str(error)
        assert len(str(error)) > 20


def test_reading_covers_the_client() -> None:
    assert {"list_alerts_configs", "list_runs", "read_artifact", "paginated_list_runs", "get_log"} <= set(METHODS)
    assert len(METHODS) > 40


def test_run_elsewhere_says_what_to_do(project, db) -> None:
    with pytest.raises(mlrun.runtimes.utils.RunError, match="runs nothing itself: call run_function"):
        project.run_function("worker", name="remote", handler="train", local=False)
    (stored,) = db.list_runs("remote", project=project.metadata.name)
    assert stored["status"]["state"] == "error"
    with pytest.raises(mlrun.errors.MLRunInvalidArgumentError, match="schedule"):
        project.run_function("worker", handler="train", schedule="0 * * * *")


@pytest.mark.slow
def test_abort_run_stops_its_process(mlrun_project, tmp_path: Path) -> None:
    """And its state stays aborted, whatever the process still writes."""
    (tmp_path / "long.py").write_text(
        "import time\n\ndef handler(context):\n    context.commit()\n    try:\n"
        "        print('in the handler', flush=True)\n        time.sleep(600)\n"
        "    finally:\n        context.log_result('late', 1)\n        context.commit()\n"
    )
    code = (
        "import mlrun, sys; project = mlrun.get_or_create_project(sys.argv[1], context='.', user_project=False);"
        "mlrun.code_to_function('long', filename='long.py', kind='job', image='x').run("
        "    name='long', handler='handler', local=True, project=sys.argv[1])"
    )
    name = mlrun_project.metadata.name
    command = [sys.executable, "-c", code, name]
    options = {"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    # Tests that a shell runs in the background ignore Ctrl-C, and so would this process.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, preexec_fn=heed, **options) as process:
        try:
            lines = iter(process.stdout.readline, b"")
            assert any(b"in the handler" in line for line in lines)
            db = mlrun.get_run_db()
            (run,) = db.list_runs("long", project=name, states=["running"])
            db.abort_run(run["metadata"]["uid"], name, status_text="enough")
            process.communicate(timeout=120)
        finally:
            process.kill()
    uid = run["metadata"]["uid"]
    wait_for(lambda: db.read_run(uid, name)["status"]["results"].get("late") == 1)
    assert db.read_run(uid, name)["status"]["state"] == "aborted"
    assert process.returncode != 0
