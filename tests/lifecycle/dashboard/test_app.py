"""What the dashboard answers over HTTP, and what it refuses."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from aletheia.lifecycle.dashboard import app
from aletheia.lifecycle.dashboard.app import create_app
from aletheia.lifecycle.dashboard.watch import DashboardWatch
from aletheia.lifecycle.prediction_log.entry import LogEntry

from .conftest import NOW


@pytest.fixture
def client(watched):
    # Without starting the application: the log was read, and its clock stands.
    return TestClient(create_app(watched), base_url="http://127.0.0.1:8050")


def test_page_and_json(client, watched):
    page = client.get("/?period=month&zone=Europe/Berlin")
    assert page.status_code == 200
    assert "Europe/Berlin (UTC+01:00)" in page.text
    values = client.get("/api/v1/summary?period=month")
    assert values.json() == watched.summary("month")
    assert values.headers["content-type"] == "application/json"
    for answer in (page, values):
        assert answer.headers["cache-control"] == "no-store"
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert page.headers["content-encoding"] == "gzip"


def test_unchanged(client):
    first = client.get("/?period=day")
    again = client.get("/?period=day", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/?period=week", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "period=year",
        "period=<script>alert(1)</script>",
        "end=soon",
        "end=nan",
        "end=-1",
        "end=1e99",
        "zone=../../../etc/passwd",
        "zone=" + "a" * 80,
        "other=1",
        "period=" + "d" * 600,
    ],
)
def test_refused_queries(client, query):
    for path in ("/", "/api/v1/summary"):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["error"]


def test_files(client):
    style = client.get("/files/dashboard.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "@" not in style.text.replace("@media", "").replace("@keyframes", "")  # every colour was put in
    assert client.get("/files/dashboard.js").headers["content-type"].startswith("text/javascript")
    for name in ("page.py", "..%2fapp.py", "..%2f..%2f..%2fetc%2fpasswd", "dashboard.css%00", "/etc/passwd", ""):
        answer = client.get(f"/files/{name}")
        assert answer.status_code == 404, name
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert client.get("/log.sqlite").status_code == 404
    assert client.post("/").status_code == 405
    assert client.delete("/api/v1/summary").status_code == 405


def test_pages_of_other_sites(watched, client):
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/api/v1/summary", headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.get("/", headers={"Host": "localhost:8050"}).status_code == 200
    named = TestClient(create_app(watched, names=["watch.example"]), base_url="http://watch.example")
    assert named.get("/?period=day").status_code == 200


def test_key(watched):
    client = TestClient(create_app(watched, key="secret"), base_url="http://127.0.0.1:8050")
    for path in ("/", "/api/v1/summary", "/files/dashboard.js"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert client.get(path, auth=("anybody", "secret")).status_code == 200


def test_log_that_cannot_be_read(tmp_path):
    """The page stands, and says why it is empty."""
    (tmp_path / "log.sqlite").write_bytes(b"no database" * 1000)
    watch = DashboardWatch(tmp_path / "log.sqlite")
    watch.look()
    page = TestClient(create_app(watch), base_url="http://localhost").get("/")
    assert page.status_code == 200
    assert "is no prediction log, or it is damaged" in page.text


def test_page_is_drawn_once(watch_of, monkeypatch):
    """Who asks again while nothing changed gets the same page, which is drawn again when something did."""
    watch = watch_of([LogEntry(NOW - 5, "a", "v", "u")])
    client, drawn = TestClient(create_app(watch), base_url="http://localhost"), []
    monkeypatch.setattr(app, "render_page", lambda summary, *_: drawn.append(summary) or "page")
    for _ in range(3):
        assert client.get("/?period=hour").text == "page"
    assert len(drawn) == 1
    client.get("/?period=hour&zone=Europe/Berlin")
    watch._known = watch._known._replace(revision=99)
    watch._kept.clear()
    client.get("/?period=hour")
    assert len(drawn) == 3
    for number in range(100):
        client.get(f"/?period=hour&end={NOW - number}")
    assert len(drawn) == 103
