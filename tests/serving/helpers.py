"""Asking a service, and what it says when it does not answer."""

from __future__ import annotations

import httpx


def form(data: bytes, name: str = "picture.jpg", **fields) -> dict:
    return {"files": {"file": (name, data)}, "data": fields}


def error(response: httpx.Response) -> dict:
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    if response.url.path.startswith("/v2"):  # as its protocol wants it
        assert set(body) == {"error", "kind"}
        return {"kind": body["kind"], "message": body["error"]}
    assert set(body) == {"error"}
    return body["error"]
