"""Policies of routes, and routes that other packages add."""

from __future__ import annotations

import sys

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import PlainTextResponse

from aletheia.core.errors import InputError
from aletheia.serving import operations
from aletheia.serving.app import DOCS, DOCS_PAGE
from aletheia.serving.config import ServeConfig
from aletheia.serving.routing import (
    API_CSP,
    STRICTEST,
    FallbackMount,
    PolicyRoute,
    RoutePolicy,
    base64_limit,
    file_limit,
    find_policy,
    register_router,
    registered_routers,
    route_methods,
)

from .helpers import error

KEY = "open sesame"
SMALL = RoutePolicy(needs_key=False, max_body_bytes=1000, content_security_policy="default-src 'self'")
PLUGIN = """
from fastapi import APIRouter, Depends
from aletheia.serving import CurrentService, RoutePolicy, register_router

router = APIRouter()

@router.get("/v1/threshold", dependencies=[Depends(RoutePolicy(needs_key=False, cache_control="max-age=60"))])
def threshold(service: CurrentService) -> float:
    return service.loaded.spec.threshold

register_router(router)
"""


def scope(app: FastAPI, path: str, method: str = "GET") -> dict:
    return {"type": "http", "path": path, "method": method, "root_path": "", "headers": [], "app": app}


@pytest.fixture
def registry(monkeypatch) -> None:
    """Forget routers that a test registers."""
    monkeypatch.setattr("aletheia.serving.routing._routers", [])


@pytest.fixture
def echo_router() -> APIRouter:
    router = APIRouter()

    @router.post("/v1/echo", dependencies=[Depends(SMALL)])
    async def echo(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    @router.get("/v1/undeclared")
    def undeclared() -> dict[str, bool]:
        return {"answered": True}

    @router.post("/v1/predict")
    def replacement() -> dict[str, bool]:
        return {"replaced": True}

    return router


def test_register_router(registry, serving, echo_router, jpeg):
    """A router of another package: its policy holds, the strictest where it has none; it replaces no route."""
    register_router(echo_router)
    register_router(echo_router)
    with serving(api_key=KEY, workers=1) as running:
        client, key = running.client, {"x-api-key": KEY}
        answer = client.post("/v1/echo", content=b"x" * 1000)
        assert (answer.status_code, answer.content) == (200, b"x" * 1000)
        assert answer.headers["content-security-policy"] == "default-src 'self'"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        refused = client.post("/v1/echo", content=b"x" * 1001)
        assert (refused.status_code, error(refused)["kind"]) == (413, "too_large")
        assert client.post("/v1/echo", content=b"x", headers={"origin": "http://evil.example"}).status_code == 403
        assert client.get("/v1/undeclared").status_code == 401
        answer = client.get("/v1/undeclared", headers=key)
        assert answer.json() == {"answered": True}
        assert answer.headers["content-security-policy"] == API_CSP
        assert "verdict" in client.post("/v1/predict", files={"file": jpeg}, headers=key).json()
        assert 'aletheia_requests_total{route="/v1/echo",status="200"} 1.0' in client.get("/metrics", headers=key).text
    assert "/v1/echo" in running.app.openapi()["paths"]


def test_registered_routers_of_entry_points(registry, serving, tmp_path, monkeypatch):
    (tmp_path / "threshold_plugin.py").write_text(PLUGIN)
    info = tmp_path / "threshold_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: threshold-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[aletheia.routes]\nthreshold = threshold_plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with serving(api_key=KEY, workers=1) as running:
        answer = running.client.get("/v1/threshold")
        assert (answer.json(), answer.headers["cache-control"]) == (0.4, "max-age=60")
    monkeypatch.delitem(sys.modules, "threshold_plugin")


def test_registered_routers_broken_plugin(registry, tmp_path, monkeypatch):
    info = tmp_path / "broken_routes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-routes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[aletheia.routes]\nbroken = module_that_does_not_exist\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="broken-routes"):
        registered_routers()


@pytest.mark.parametrize(
    ("method", "path", "policy", "label"),
    [
        ("POST", "/v1/predict", operations.FILES, "/v1/predict"),
        ("GET", "/v1/predict", operations.FILES, "/v1/predict"),  # answered with 405
        ("POST", "/v1/jobs", operations.FILES, "/v1/jobs"),
        ("DELETE", "/v1/jobs/abc", operations.JOB, "/v1/jobs/{id}"),
        ("GET", "/v2", operations.V2_SERVER, "/v2"),
        ("GET", "/v2/models/x/ready", operations.V2, "/v2"),
        ("POST", "/v2/models/x/versions/1/infer", operations.V2_INFER, "/v2/models/{name}/infer"),
        ("GET", "/v2/health/live", operations.V2_PROBE, "/v2"),
        ("POST", "/v2/health/ready", operations.V2_PROBE, "/v2"),
        ("GET", "/v2/nothing", operations.V2, "/v2"),
        ("GET", "/healthz", operations.PROBE, "/healthz"),
        ("GET", "/metrics", operations.METRICS, "/metrics"),
        ("HEAD", "/openapi.json", DOCS, "page"),
        ("GET", "/docs", DOCS_PAGE, "page"),
        ("GET", "/nothing", STRICTEST, "page"),
        ("GET", "/healthz/x", STRICTEST, "page"),
        ("GET", "//healthz", STRICTEST, "page"),
    ],
)
def test_find_policy_of_service(served, method, path, policy, label):
    assert find_policy(served.app.routes, scope(served.app, path, method)) == (policy, label)


def test_route_policy_defaults_are_strictest():
    config = ServeConfig(max_upload_bytes=3_000_000, max_video_bytes=9_000_000)
    assert STRICTEST.needs_key and STRICTEST.checks_origin and STRICTEST.cache_control == "no-store"
    assert STRICTEST.body_limit(config, "application/json") == 1 << 20
    assert "default-src 'none'" in STRICTEST.content_security_policy


def test_route_policy_body_limit():
    config = ServeConfig(max_upload_bytes=3_000_000, max_video_bytes=9_000_000)
    assert operations.FILES.body_limit(config, "multipart/form-data") == file_limit(config) == 9_000_000 + (1 << 20)
    assert operations.FILES.body_limit(config, "application/json") == base64_limit(config) == 4_000_000 + (1 << 20)
    assert operations.JOB.body_limit(config, "text/plain") == 1 << 20
    assert RoutePolicy(max_body_bytes=7).body_limit(config, "application/json") == 7


def test_find_policy_precedence():
    """The method decides first, then the path; a router's policy holds unless the route has its own."""
    app, own, of_router = FastAPI(), RoutePolicy(metrics_label="own"), RoutePolicy(metrics_label="router")
    router = APIRouter(prefix="/a", dependencies=[Depends(of_router)])
    router.add_api_route("/x", lambda: None, methods=["GET"])
    router.add_api_route("/x", lambda: None, methods=["POST"], dependencies=[Depends(own)])
    router.add_api_route("/numbers/{number:int}", lambda number: None)
    app.include_router(router)
    app.router.routes.append(FallbackMount("/a", PlainTextResponse("?"), RoutePolicy(metrics_label="fallback")))

    def label(path: str, method: str = "GET") -> str:
        return find_policy(app.routes, scope(app, path, method))[1]

    assert [label("/a/x"), label("/a/x", "POST"), label("/a/x", "PUT")] == ["router", "own", "router"]
    assert [label("/a/y"), label("/b")] == ["fallback", "page"]
    assert label("/a/numbers/3") == "router"
    assert find_policy(app.routes, scope(app, f"/a/numbers/{'9' * 5000}")) == (STRICTEST, "page")  # too long for int()
    assert route_methods(app.routes, scope(app, "/a/x", "PUT")) and not route_methods(app.routes, scope(app, "/a/y"))


def test_find_policy_of_mounted_routes():
    inner = FastAPI(openapi_url=None)
    inner.router.routes.append(
        PolicyRoute("/file", PlainTextResponse("x"), ("GET",), RoutePolicy(metrics_label="file"))
    )
    app = FastAPI(openapi_url=None)
    app.router.routes.append(FallbackMount("/", inner))
    for path, expected in (("/file", "file"), ("/file\n", "page"), ("/other", "page")):
        assert find_policy(app.routes, scope(app, path))[1] == expected
    assert route_methods(inner.routes, scope(inner, "/file", "HEAD")) == {"GET"}  # exactly those that are named


def test_errors_below_v2_have_the_form_of_the_protocol(served):
    for method, path, status in (("GET", "/v2/nothing", 404), ("POST", "/v2/models", 405), ("PUT", "/v2", 405)):
        response = served.client.request(method, path)
        assert response.status_code == status
        assert error(response)["message"].endswith(f"{method} {path}")
