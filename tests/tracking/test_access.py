"""Other users of the machine neither read nor change what the service holds; its own user needs no password."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from aletheia.core.errors import InputError
from aletheia.tracking import access, service
from aletheia.tracking.reader import Reader

from ..waiting import wait_for

# As another user: each answer's status and body, of requests that read a file, delete, retag and upload.
STRANGER = """
import http.client, json, os, sys
port, headers, requests = int(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
"x".encode("idna")  # imports what the other user may not be able to read
os.setgroups([]); os.setgid(65534); os.setuid(65534)
answers = []
for method, path in requests:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path, b"{}" if method != "GET" else None, headers)
    answer = connection.getresponse()
    answers.append([answer.status, answer.read().decode()])
print(json.dumps(answers))
"""
REQUESTS = [
    ("GET", "/api/v1/projects/p/files?path={file}"),
    ("GET", "/api/v1/projects"),
    ("DELETE", "/api/v1/projects/p"),
    ("POST", "/api/v1/projects/p/tags/production"),
    ("POST", "/api/v1/projects/p/runs/u"),
    ("GET", "/aletheia/status"),
    ("GET", "/nowhere"),
]


@pytest.fixture
def private(tracking_home: Path) -> Path:
    file = tracking_home / "artifacts" / "face.txt"
    file.write_text("a private face")
    return file


def as_stranger(url: str, file: Path, headers: dict[str, str]) -> list[list]:
    if os.getuid():
        pytest.skip("only root can become another user")
    requests = [(method, path.format(file=file)) for method, path in REQUESTS]
    port = url.rpartition(":")[2]
    command = [sys.executable, "-c", STRANGER, port, json.dumps(headers), json.dumps(requests)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    return json.loads(done.stdout)


def test_owner_only_refuses_other_users(embedded_url: str, private: Path) -> None:
    httpx.post(f"{embedded_url}/api/v1/projects", json={"metadata": {"name": "p"}}, trust_env=False, timeout=60)
    path = f"/api/v1/projects/p/files?path={private}"
    assert httpx.get(embedded_url + path, trust_env=False, timeout=60).text == "a private face"
    answers = as_stranger(embedded_url, private, {})
    assert [status for status, _ in answers] == [401] * len(REQUESTS)
    assert all("another user" in body and "private" not in body for _, body in answers)
    assert httpx.get(f"{embedded_url}/api/v1/projects/p", trust_env=False, timeout=60).status_code == 200


def test_owner_only_answers_other_users_with_the_token(embedded_url: str, tracking_home: Path, private: Path) -> None:
    """As the MLRun UI in a container does, whose browser has asked for it."""
    named = access.basic_authorization(access.with_token(embedded_url, tracking_home))
    answers = as_stranger(embedded_url, private, {"authorization": named})
    assert 401 not in [status for status, _ in answers]
    assert answers[0] == [200, "a private face"]


def test_owner_only_looks_each_connection_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later connection from the same port may be somebody else's."""
    users = iter([os.getuid(), os.getuid() + 1, os.getuid()])
    monkeypatch.setattr(access, "peer_uid", lambda *_: next(users))
    guard = access.OwnerOnly(None, "", 1)
    mine, other, again = (tuple(["127.0.0.1", 5]) for _ in range(3))  # equal, and not the same
    answers = [guard._recognises({"client": client}) for client in (mine, mine, other, None, again)]
    assert answers == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        ("Basic", 401),
        ("Basic !", 401),
        ("Basic YWxldGhlaWE6", 401),  # no password
        ("Basic YWxldGhlaWE6w6k=", 401),  # one that is not ASCII
        ("Bearer é", 401),
        ("Bearer wrong", 401),
        ("Bearer {token}", 200),
        ("bearer {token}", 200),
    ],
)
def test_owner_only_by_header(client: TestClient, app_home: Path, authorization: str, status: int) -> None:
    client.auth = None
    header = authorization.format(token=access.make_token(app_home)).encode()
    answer = client.get("/api/v1/projects", headers={"authorization": header})
    assert answer.status_code == status
    assert (answer.headers.get("www-authenticate") == 'Basic realm="aletheia tracking"') == (status == 401)


def test_make_token_is_for_its_owner_only(tmp_path: Path) -> None:
    from mlrun.platforms.iguazio import is_iguazio_session

    token = access.make_token(tmp_path)
    assert token == access.make_token(tmp_path)
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert is_iguazio_session(token), "the stock client would not send it"
    (tmp_path / "other").mkdir()
    assert access.make_token(tmp_path / "other") != token


@pytest.mark.parametrize(
    ("url", "shown", "header"),
    [
        ("http://a:b@127.0.0.1:1/x@y", "http://127.0.0.1:1/x@y", "Basic YTpi"),
        ("http://127.0.0.1:1/x@y", "http://127.0.0.1:1/x@y", None),
        ("https://host", "https://host", None),
    ],
)
def test_without_token_and_basic_authorization(url: str, shown: str, header: str | None) -> None:
    assert access.without_token(url) == shown
    assert access.basic_authorization(url) == header


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_peer_uid_of_an_open_connection(family: socket.AddressFamily) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.socket(family) as client:
            try:
                client.connect(("127.0.0.1" if family == socket.AF_INET else "::ffff:127.0.0.1", port))
            except OSError:
                pytest.skip("no IPv6 here")
            accepted, (host, client_port) = server.accept()
            assert access.peer_uid(host, client_port, port) == os.getuid()
            assert access.peer_uid("127.0.0.2", client_port, port) is None
            assert access.peer_uid(host, client_port, 1) is None
        # Closed by the client: the system now shows the connection as root's.
        assert access.peer_uid(host, client_port, port) is None
        accepted.close()
    assert access.peer_uid("testclient", 5, port) is None


@pytest.mark.slow
def test_find_gives_the_token_where_the_user_is_not_recognised(tmp_path: Path, monkeypatch) -> None:
    """As on macOS: our own programs and the stock client get along by the address alone."""
    code = (
        "import sys; from aletheia.tracking import access, server;"
        "access.peer_uid = lambda *_: None; sys.exit(server.main(sys.argv[1:]))"
    )
    home = tmp_path / "home"
    home.mkdir()
    with subprocess.Popen([sys.executable, "-c", code, "--home", home, "--port", "0"]) as process:
        try:
            wait_for(lambda: service.find(home) or process.poll() is not None)
            running = service.find(home)
            token = (home / "token").read_text()
            assert running.url == f"http://aletheia:{token}@127.0.0.1:{running.port}"
            assert service.request_json(f"{running.url}/aletheia/status")["home"] == str(home)
            with Reader(running.url) as reader:
                assert reader.projects() == []
                with pytest.raises(InputError) as failure:
                    reader.runs("missing/..")
                assert token not in str(failure.value)
            assert _stock_client(running.url) == "[]"
            assert "belongs to another user" in _stock_client(access.without_token(running.url))
        finally:
            process.terminate()


def _stock_client(url: str) -> str:
    code = "import mlrun; print(list(mlrun.get_run_db().list_projects()))"
    environment = os.environ | {"MLRUN_DBPATH": url, "MLRUN_IGNORE_ENV_FILE": "1", "MLRUN_LOG_LEVEL": "ERROR"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=240)
    return (done.stdout or done.stderr).strip()
