"""What hostile or broken requests get: an answer, never a file, a stack trace or a half-written row."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from aletheia.tracking import folders, queries, web
from aletheia.tracking.app import create_app
from aletheia.tracking.store import Store

FILES = "/api/v1/projects/p/files"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "artifacts").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    app = create_app(Store(home / "tracking.db"), home, 1)
    with TestClient(app, base_url="http://127.0.0.1:8766", raise_server_exceptions=False) as client:
        assert client.post("/api/v1/projects", json={"metadata": {"name": "p"}}).status_code == 201
        yield client


@pytest.mark.parametrize("host", ["localhost", "localhost:8766", "127.0.0.1:1", "[::1]:8766", "host.docker.internal"])
def test_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/client-spec", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:8766"},
        {"host": "127.0.0.1@evil.example"},
        {"host": ""},
        {"host": "[broken"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_foreign_pages_are_refused(client: TestClient, headers: dict) -> None:
    for method, path in (("GET", "/api/v1/projects"), ("POST", "/api/v1/projects/p/runs/u"), ("GET", FILES)):
        answer = client.request(method, path, headers=headers, content=b'{"metadata": {"name": "n"}}')
        assert answer.status_code == 403
        assert answer.json()["detail"]
    assert client.get("/api/v1/projects/p/runs").json()["runs"] == []


def test_pages_of_this_machine_are_answered(client: TestClient) -> None:
    headers = {"origin": "http://localhost:8090", "sec-fetch-site": "same-origin"}
    assert client.get("/api/v1/projects", headers=headers).status_code == 200


def test_large_bodies_are_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_BODY", 1000)
    path = "/api/v1/projects/p/runs/u"
    assert client.post(path, content=b"x" * 1001).status_code == 413
    assert client.post(path, content=iter([b"x" * 600, b"x" * 600])).status_code == 413  # no length announced
    assert client.post("/api/v1/projects/p/logs/u", content=b"x" * 1001).status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"[]",
        b"null",
        b'"text"',
        b"7",
        b"{}",
        b'{"metadata": 1}',
        b'{"metadata": {}}',
        b'{"metadata": {"name": ["list"]}}',
        b'{"metadata": {"name": "n"}, "spec": 5, "status": "x"}',
        b'{"metadata": {"name": "n", "labels": [1]}, "status": {"start_time": "yesterday"}}',
        b'{"metadata": {"name": "\\ud800"}}',
        b"\xff\xfe",
    ],
)
def test_bodies_of_a_wrong_form_get_an_answer(client: TestClient, body: bytes) -> None:
    for method, path in (
        ("POST", "/api/v1/projects/p/runs/u"),
        ("PATCH", "/api/v1/projects/p/runs/u"),
        ("PUT", "/api/v2/projects/p/artifacts/k"),
        ("POST", "/api/v2/projects/p/artifacts"),
        ("POST", "/api/v1/projects/p/functions/f"),
        ("POST", "/api/v1/projects"),
        ("PUT", "/api/v1/projects/q"),
        ("PATCH", "/api/v1/projects/p"),
        ("PUT", "/api/v1/projects/p/tags/t"),
    ):
        answer = client.request(method, path, content=body)
        assert answer.status_code in (200, 201, 400, 404, 409, 422), (method, path, answer.text)
        if answer.status_code >= 400:
            assert isinstance(answer.json()["detail"], str)
    for path in ("/api/v1/projects", "/api/v1/projects/p/runs", "/api/v2/projects/p/artifacts"):
        assert client.get(path).status_code == 200


def test_names_are_values_not_sql(client: TestClient) -> None:
    trick = "x' OR '1'='1"
    client.post("/api/v1/projects/p/runs/u", json={"metadata": {"name": "n"}})
    for query in (
        {"name": trick},
        {"label": f"{trick}=1"},
        {"uid": trick},
        {"states": trick},
        {"name": "~%"},
    ):
        assert client.get("/api/v1/projects/p/runs", params=query).json()["runs"] == []
    refused = client.get("/api/v1/projects/p/runs", params={"partition-by": trick, "partition-sort-by": "updated"})
    assert refused.status_code == 422


@pytest.mark.parametrize(
    "token",
    ["x", "e30", "////", "a" * 19_000, queries.encode_token("funcs", {}, queries.Page(1, 5))]
    + [queries.encode_token("runs", {}, queries.Page(number, size)) for number, size in ((0, 5), (1, -1), (1, None))]
    + [queries.encode_token("runs", {"partition-by": "id; DROP TABLE runs"}, queries.Page(1, 5))],
)
def test_made_up_page_tokens_are_unknown(client: TestClient, token: str) -> None:
    assert client.get("/api/v1/projects/p/runs", params={"page-token": token}).status_code == 404


def test_infinity_is_null_for_browsers_and_itself_for_the_client(client: TestClient) -> None:
    body = '{"metadata": {"name": "n"}, "status": {"results": {"loss": Infinity, "auc": NaN}}}'
    client.post("/api/v1/projects/p/runs/u", content=body)
    plain = client.get("/api/v1/projects/p/runs/u").text
    assert json.loads(plain, parse_constant=pytest.fail)["data"]["status"]["results"] == {
        "loss": None,
        "auc": None,
    }
    answer = client.get("/api/v1/projects/p/runs/u", headers={"x-mlrun-client-version": "1.12.1"})
    assert json.loads(answer.text)["data"]["status"]["results"]["loss"] == float("inf")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/submit_job"),
        ("POST", "/api/v1/build/function"),
        ("GET", "/api/v1/nothing/of/the/kind"),
    ],
)
def test_what_is_absent_is_named(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path, json={})
    assert answer.status_code == 501
    assert f"{method} {path}" in answer.json()["detail"]


def test_wrong_methods_and_addresses_are_named(client: TestClient) -> None:
    answer = client.get("/somewhere")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Not Found: GET /somewhere")


@pytest.mark.parametrize(
    "path",
    [
        *("project-summaries", "frontend-spec", "healthz", "projects?format=minimal", "project-summaries/p"),
        *(
            "projects/p/pipelines",
            "projects/p/feature-vectors",
            "projects/p/artifact-tags",
            "projects/p/schedules",
        ),
        *("projects/*/runs", "projects/*/artifacts?category=model", "projects/*/functions?format=minimal"),
    ],
)
def test_what_the_ui_asks_is_answered(client: TestClient, path: str) -> None:
    assert client.get(f"/api/v1/{path}").status_code == 200


# Files


@pytest.fixture
def artifacts(home: Path, tmp_path: Path) -> Path:
    root = home / "artifacts"
    (root / "p").mkdir()
    (root / "p" / "report.html").write_bytes(b"0123456789")
    (root / "p" / ".env").write_bytes(b"secret")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (root / "p" / "way-out").symlink_to(tmp_path)
    (root / "p" / "file-out").symlink_to(tmp_path / "secret.txt")
    (root / "p" / "inside").symlink_to(root / "p" / "report.html")
    os.mkfifo(root / "p" / "pipe")
    return root / "p"


def test_artifact_files_are_shown(client: TestClient, artifacts: Path) -> None:
    path = str(artifacts / "report.html")
    answer = client.get(FILES, params={"path": path})
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert client.get(FILES, params={"path": f"file://{path}", "offset": 3, "size": 4}).content == b"3456"
    assert client.get(FILES, params={"path": path, "offset": 99}).content == b""
    assert client.get(FILES, params={"path": str(artifacts / "inside")}).content == b"0123456789"
    stat = client.get("/api/v1/projects/p/filestat", params={"path": path}).json()
    assert (stat["size"], stat["mimetype"]) == (10, "text/html")
    listing = client.get(FILES, params={"path": f"{artifacts}/"}).json()["listdir"]
    assert "report.html" in listing
    assert ".env" not in listing


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/passwd", "file:///etc/passwd", "etc/passwd", "", "/", "~/x", "{root}/../../../secret.txt"),
        *(
            "{root}/way-out/secret.txt",
            "{root}/file-out",
            "{root}/.env",
            "{root}/../../tracking.db",
            "{root}\0x",
        ),
        *(
            "{root}/%2e%2e/%2e%2e/tracking.db",
            "s3://bucket/key",
            "store://artifacts/p/k",
            "/proc/self/environ",
        ),
    ],
)
def test_nothing_else_is_shown(client: TestClient, artifacts: Path, path: str) -> None:
    for endpoint in (FILES, "/api/v1/files", "/api/v1/projects/p/filestat"):
        answer = client.get(endpoint, params={"path": path.format(root=artifacts)})
        assert answer.status_code in (403, 404), answer.text
        assert "secret" not in answer.text.replace("secret.txt", "")


def test_what_is_no_file_is_not_opened(client: TestClient, artifacts: Path) -> None:
    for name in ("pipe", "missing", "."):
        assert client.get(FILES, params={"path": str(artifacts / name)}).status_code == 404


def test_a_project_cannot_widen_what_is_shown(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    body = {"metadata": {"name": "q"}, "spec": {"artifact_path": str(tmp_path), "context": str(tmp_path)}}
    assert client.put("/api/v1/projects/q", json=body).status_code == 200
    answer = client.get("/api/v1/projects/q/files", params={"path": str(tmp_path / "secret.txt")})
    assert answer.status_code == 403
    assert "aletheia tracking allow" in answer.json()["detail"]


def test_folders_are_allowed_by_name(home: Path, client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.txt").write_text("a")
    folders.allow(home, tmp_path / "more")
    folders.allow(home, tmp_path / "more")
    assert folders.allowed(home).count(tmp_path / "more") == 1
    assert client.get(FILES, params={"path": str(tmp_path / "more" / "a.txt")}).text == "a"
    for everything in ("/", Path.home()):
        with pytest.raises(ValueError, match="too much"):
            folders.allow(home, everything)
