"""Files of artifacts by HTTP."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from aletheia.core.plot_library import library_name, library_source
from aletheia.tracking import folders
from aletheia.tracking.routes import files

FILES = "/api/v1/projects/p/files"


@pytest.fixture
def artifacts(app_home: Path, tmp_path: Path) -> Path:
    root = app_home / "artifacts"
    (root / "p").mkdir()
    (root / "p" / "report.html").write_bytes(b"0123456789")
    (root / "p" / ".env").write_bytes(b"secret")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (root / "p" / "way-out").symlink_to(tmp_path)
    (root / "p" / "file-out").symlink_to(tmp_path / "secret.txt")
    (root / "p" / "inside").symlink_to(root / "p" / "report.html")
    os.mkfifo(root / "p" / "pipe")
    return root / "p"


def test_get_file_parts_and_headers(client: TestClient, artifacts: Path) -> None:
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


def test_get_file_longer_than_a_block(client: TestClient, artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_BLOCK", 4)
    path = str(artifacts / "report.html")
    assert client.get(FILES, params={"path": path}).content == b"0123456789"
    assert client.get(FILES, params={"path": path, "offset": 1, "size": 7}).content == b"1234567"


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
def test_get_file_refuses_other_paths(client: TestClient, artifacts: Path, path: str) -> None:
    for endpoint in (FILES, "/api/v1/files", "/api/v1/projects/p/filestat"):
        answer = client.get(endpoint, params={"path": path.format(root=artifacts)})
        assert answer.status_code in (403, 404), answer.text
        assert "secret" not in answer.text.replace("secret.txt", "")


def test_get_file_opens_regular_files_only(client: TestClient, artifacts: Path) -> None:
    for name in ("pipe", "missing", "."):
        assert client.get(FILES, params={"path": str(artifacts / name)}).status_code == 404


def test_get_file_ignores_paths_in_projects(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    body = {"metadata": {"name": "q"}, "spec": {"artifact_path": str(tmp_path), "context": str(tmp_path)}}
    assert client.put("/api/v1/projects/q", json=body).status_code == 200
    answer = client.get("/api/v1/projects/q/files", params={"path": str(tmp_path / "secret.txt")})
    assert answer.status_code == 403
    assert "aletheia tracking allow" in answer.json()["detail"]


def test_get_file_of_an_allowed_folder(client: TestClient, app_home: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.txt").write_text("a")
    assert client.get(FILES, params={"path": str(tmp_path / "more" / "a.txt")}).status_code == 403
    folders.allow(app_home, tmp_path / "more")
    assert client.get(FILES, params={"path": str(tmp_path / "more" / "a.txt")}).text == "a"


def test_get_library_for_pages_of_any_origin(client: TestClient) -> None:
    """Pages opened from disk have no origin; the library holds nothing of the user's."""
    headers = {"origin": "null", "sec-fetch-site": "cross-site"}
    path = f"/api/v1/{library_name()}"
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.content) == (200, library_source())
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert client.get("/api/v1/plotly-other.min.js", headers=headers).status_code == 404
    assert client.get("/api/v1/plotly-../projects", headers=headers).status_code == 403
    assert client.post(path, headers=headers).status_code == 403
    assert client.get(path, headers={"host": "evil.example"}).status_code == 403
