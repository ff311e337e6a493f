"""The description of the interface agrees with what is answered, whatever is sent."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_SETTINGS = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def schema(served) -> dict[str, Any]:
    return served.client.get("/openapi.json").json()


def check(schema: dict[str, Any], path: str, method: str, response: httpx.Response) -> None:
    """Compare one answer with the schema: status, content type, body."""
    operation = schema["paths"][path].get(method.lower())
    if operation is None:
        allowed = {name.upper() for name in schema["paths"][path]}
        expected = allowed | ({"HEAD"} if "GET" in allowed else set())
        if method == "HEAD" and "GET" in allowed:
            return
        assert response.status_code == 405
        assert set(response.headers["allow"].split(", ")) == expected
        return
    described = operation["responses"]
    status = str(response.status_code)
    assert status in described, f"{method} {path} answered {status}: {response.text[:200]}"
    content_type = response.headers["content-type"].partition(";")[0]
    content = described[status]["content"]
    assert content_type in content
    if content_type == "application/json":
        validate(schema, content[content_type]["schema"], response.json())


def validate(schema: dict[str, Any], part: dict[str, Any], body: Any) -> None:
    # The references of the description start at its root.
    Draft202012Validator({**part, "components": schema["components"]}).validate(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_BODIES = st.one_of(
    st.just({}),
    st.builds(lambda value: {"json": value}, _JSON.filter(lambda value: _is_finite(value))),
    st.builds(lambda value: {"json": {"image": value}}, st.text(max_size=40)),
    st.builds(lambda value: {"json": {"inputs": value}}, _JSON.filter(lambda value: _is_finite(value))),
    st.builds(lambda data: {"files": {"file": ("x.jpg", data)}}, st.binary(max_size=200)),
    st.builds(
        lambda data, kind: {"content": data, "headers": {"content-type": kind}},
        st.binary(max_size=100),
        st.sampled_from(["application/json", "multipart/form-data; boundary=x", "image/jpeg", "text/plain"]),
    ),
)


def _is_finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False).encode()
    except ValueError:
        return False
    return True


@pytest.mark.slow
@_SETTINGS
@given(st.data())
def test_schema_agrees_with_what_is_answered(served, schema, data):
    path = data.draw(st.sampled_from(sorted(schema["paths"])))
    method = data.draw(st.sampled_from([*(name.upper() for name in schema["paths"][path]), *_METHODS]))
    filled = path
    while "{" in filled:
        name = filled[filled.index("{") : filled.index("}") + 1]
        value = data.draw(st.sampled_from(["detector", "x"]) | st.text(min_size=1, max_size=300))
        # A slash and dots would make another path of it.
        safe = quote(value.replace("/", "_").replace(".", "_").encode("utf-8", "replace"), safe="") or "x"
        filled = filled.replace(name, safe, 1)
    body = data.draw(_BODIES) if method in ("POST", "PUT", "PATCH") else {}
    check(schema, path, method, served.client.request(method, filled, **body))


def test_schema_describes_every_route(served, schema):
    """Each operation says what a refusal looks like, and none promises FastAPI's own form of it."""
    assert "HTTPValidationError" not in json.dumps(schema)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert {"405", "413", "default"} <= set(operation["responses"]), (method, path)
            check(schema, path, "TRACE", served.client.request("TRACE", path))


def test_schema_with_a_picture(served, schema, jpeg):
    answer = served.client.post("/v1/predict", files={"file": ("x.jpg", jpeg)})
    assert answer.status_code == 200
    part = schema["paths"]["/v1/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    validate(schema, part, answer.json())
    with pytest.raises(Exception, match="verdict"):
        validate(schema, part, {key: value for key, value in answer.json().items() if key != "verdict"})
