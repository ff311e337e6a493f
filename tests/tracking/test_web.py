"""Bodies, answers, pages, and requests from other sites."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from aletheia.tracking import queries, web
from aletheia.tracking.queries import ApiError, Page
from aletheia.tracking.resources.runs import RunFilters

FILES = "/api/v1/projects/p/files"


@pytest.mark.parametrize("host", ["localhost", "localhost:8766", "127.0.0.1:1", "[::1]:8766", "host.docker.internal"])
def test_local_only_answers_own_names(client: TestClient, host: str) -> None:
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
        {"sec-fetch-site": "same-site"},
        {"origin": "http://localhost:9999"},
        {"origin": "http://127.0.0.1:9999", "sec-fetch-site": "same-site"},
    ],
)
def test_local_only_refuses_other_sites(client: TestClient, headers: dict) -> None:
    for method, path in (("GET", "/api/v1/projects"), ("POST", "/api/v1/projects/p/runs/u"), ("GET", FILES)):
        answer = client.request(method, path, headers=headers, content=b'{"metadata": {"name": "n"}}')
        assert answer.status_code == 403
        assert answer.json()["detail"]
    assert client.get("/api/v1/projects/p/runs").json()["runs"] == []


def test_local_only_answers_pages_of_this_machine(client: TestClient) -> None:
    headers = {"origin": "http://localhost:8090", "sec-fetch-site": "same-origin"}
    assert client.get("/api/v1/projects", headers=headers).status_code == 200
    headers = {"origin": "http://localhost:8766", "host": "localhost:8766"}
    assert client.get("/api/v1/projects", headers=headers).status_code == 200


def test_raw_body_refuses_large_ones(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_json_body_of_a_wrong_form(client: TestClient, body: bytes) -> None:
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


@pytest.mark.parametrize(
    "token",
    ["x", "e30", "////", "a" * 19_000, queries.encode_token("funcs", {}, queries.Page(1, 5))]
    + [queries.encode_token("runs", {}, queries.Page(number, size)) for number, size in ((0, 5), (1, -1), (1, None))]
    + [queries.encode_token("runs", {"partition-by": "id; DROP TABLE runs"}, queries.Page(1, 5))],
)
def test_listing_unknown_page_tokens(client: TestClient, token: str) -> None:
    assert client.get("/api/v1/projects/p/runs", params={"page-token": token}).status_code == 404


def test_json_infinity_is_null_for_browsers_only(client: TestClient) -> None:
    body = '{"metadata": {"name": "n"}, "status": {"results": {"loss": Infinity, "auc": NaN}}}'
    client.post("/api/v1/projects/p/runs/u", content=body)
    plain = client.get("/api/v1/projects/p/runs/u").text
    assert json.loads(plain, parse_constant=pytest.fail)["data"]["status"]["results"] == {
        "loss": None,
        "auc": None,
    }
    answer = client.get("/api/v1/projects/p/runs/u", headers={"x-mlrun-client-version": "1.12.1"})
    assert json.loads(answer.text)["data"]["status"]["results"]["loss"] == float("inf")


def test_error_has_the_detail_of_the_client():
    answer = web.error(418, "a reason")
    assert (answer.status_code, answer.body) == (418, b'{"detail":"a reason"}')


def test_listing_continues_by_token():
    calls = []

    def fetch(filters: RunFilters, page: Page):
        calls.append((filters.name, page))
        return [page.number], page.number < 3

    first = web.listing("runs", RunFilters(name="n"), web.PageQuery(page_size=2), fetch)
    assert first["runs"] == [1]
    assert (first["pagination"]["page"], first["pagination"]["page-size"]) == (1, 2)
    token = first["pagination"]["page-token"]
    second = web.listing("runs", RunFilters(name="ignored"), web.PageQuery(page_token=token), fetch)
    third = web.listing("runs", RunFilters(), web.PageQuery(page_token=token, page=3), fetch)
    assert third["pagination"]["page-token"] is None
    assert second["pagination"]["page-token"] is not None
    assert calls == [("n", Page(1, 2)), ("n", Page(2, 2)), ("n", Page(3, 2))]
    with pytest.raises(ApiError, match="page token"):
        web.listing("funcs", RunFilters(), web.PageQuery(page_token=token), fetch)


def test_listing_whole_has_no_page():
    answer = web.listing("runs", RunFilters(), web.PageQuery(), lambda filters, page: ([page.size], False))
    assert answer == {"runs": [None], "pagination": {"page": None, "page-size": None, "page-token": None}}
