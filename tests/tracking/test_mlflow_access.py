"""User and password: MLflow's own server with its accounts, in a process, and what is said when it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.core.lifetime import start_bound
from aletheia.tracking import mlflow_export
from aletheia.tracking.mlflow_access import PASSWORD, TOKEN, USER, refusal, refuse_password_in_address

from ..waiting import free_port, wait_for

_ADMIN, _RIGHT, _WRONG = "ada", "right-horse-battery", "wrong-horse-battery"


@pytest.fixture
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (USER, PASSWORD, TOKEN):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, rf"Set {USER} and {PASSWORD}\."),
        ({USER: _ADMIN}, f"only {USER} is set; set both"),
        ({PASSWORD: _WRONG}, f"only {PASSWORD} is set; set both"),
        ({USER: _ADMIN, PASSWORD: _WRONG}, f"no user with the values of {USER} and {PASSWORD}"),
        ({TOKEN: _WRONG}, f"does not accept the token in {TOKEN}"),
    ],
)
@pytest.mark.usefixtures("_no_account")
def test_refusal_names_what_to_set(monkeypatch, variables, says):
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import UNAUTHENTICATED

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    error = refusal("https://mlflow.example", MlflowException("You are not authenticated.", error_code=UNAUTHENTICATED))
    with pytest.raises(InputError, match=says):
        raise error
    assert "https://mlflow.example" in str(error) and _WRONG not in str(error)


def test_refusal_of_a_database_hides_its_password():
    from mlflow.exceptions import MlflowException

    error = refusal("postgresql://ada:secret@db/mlflow", MlflowException("it is too old"))
    assert str(error) == "MLflow cannot use postgresql://db/mlflow: it is too old"


def test_password_in_address_is_refused():
    with pytest.raises(InputError, match=f"https://dagshub.example/a/b.mlflow.*{USER}") as caught:
        refuse_password_in_address("https://ada:secret@dagshub.example/a/b.mlflow")
    assert "secret" not in str(caught.value)
    refuse_password_in_address("https://dagshub.example/a/b.mlflow")
    refuse_password_in_address("postgresql://ada:secret@db/mlflow")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of ``mlflow server --app-name basic-auth`` with one user, the administrator."""
    folder = tmp_path_factory.mktemp("mlflow-auth")
    (folder / "auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder}/users.db\n"
        f"admin_username = {_ADMIN}\nadmin_password = {_RIGHT}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder / "files")]
    variables = {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": uuid.uuid4().hex,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (folder / "log").open("w") as log:
        process = start_bound(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, **variables},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        log = folder / "log"
        wait_for(lambda: _answers(url) or process.poll() is not None, 240, lambda: log.read_text()[-2000:])
        assert process.poll() is None, log.read_text()[-2000:]
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=60).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _export(url: str, project: str, **account: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, with these variables and no others of MLflow."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    command = [sys.executable, "-m", "aletheia.cli", "tracking", "export", "--project", project, "--json"]
    variables = {**clean, "MLFLOW_TRACKING_URI": url, **account}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_export_with_user_and_password(server, recorder, monkeypatch):
    uid = uuid.uuid4().hex
    recorder.run(uid, results={"auc": 0.93})
    recorder.artifact(uid, "note", target_path=recorder.file("note.txt", b"read me"))
    model = recorder.file("model/model.onnx", b"weights")
    recorder.artifact(uid, "detector", kind="model", tag="production", target_path=str(Path(model).parent))
    done = _export(server, recorder.name, **{USER: _ADMIN, PASSWORD: _RIGHT})
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["created"], summary["models"], summary["problems"]) == (1, 1, [])
    monkeypatch.setenv(USER, _ADMIN)
    monkeypatch.setenv(PASSWORD, _RIGHT)
    mlflow = mlflow_export.connect(server)
    run = recorder.copies(mlflow)[uid, 0]
    assert run.data.metrics["auc"] == 0.93
    assert Path(mlflow.download_artifacts(run.info.run_id, "note/note.txt")).read_text() == "read me"
    (version,) = mlflow.search_model_versions(f"name = '{recorder.name}.train_detector'")
    assert version.run_id == run.info.run_id
    assert mlflow.get_model_version_by_alias(version.name, "production").version == version.version
    files = [file.path for file in mlflow.list_artifacts(run.info.run_id, "detector")]
    assert files == ["detector/model.onnx"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("account", "says"),
    [
        ({}, f"Set {USER} and {PASSWORD}."),
        ({USER: _ADMIN, PASSWORD: _WRONG}, "correct them"),
        ({USER: "nobody", PASSWORD: _RIGHT}, "correct them"),
    ],
)
def test_export_refused_by_the_server(server, recorder, account, says):
    recorder.run(uuid.uuid4().hex)
    done = _export(server, recorder.name, **account)
    assert done.returncode == 2 and done.stdout == ""
    message = " ".join(done.stderr.split())
    assert message.count("wants to know who you are") == 1
    assert says in message and USER in message and server in message
    assert "Traceback" not in done.stderr and not any(value in done.stderr for value in (_RIGHT, _WRONG))


@pytest.mark.slow
def test_user_without_permission_is_told_so(server, recorder, monkeypatch):
    recorder.run(uuid.uuid4().hex)
    assert _export(server, recorder.name, **{USER: _ADMIN, PASSWORD: _RIGHT}).returncode == 0
    monkeypatch.setenv(USER, _ADMIN)
    monkeypatch.setenv(PASSWORD, _RIGHT)
    from mlflow.server import get_app_client

    get_app_client("basic-auth", server).create_user("guest", "guest-horse-battery")
    recorder.run(uuid.uuid4().hex)
    done = _export(server, recorder.name, **{USER: "guest", PASSWORD: "guest-horse-battery"})
    assert done.returncode == 2
    assert f"does not let the user of {USER} do this" in " ".join(done.stderr.split())
    assert "guest-horse-battery" not in done.stderr
