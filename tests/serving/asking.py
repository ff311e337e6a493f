"""Asking a service, and what it says when it does not answer."""

from __future__ import annotations

import httpx


def form(data: bytes, name: str = "picture.jpg", **fields) -> dict:
    return {"files": {"file": (name, data)}, "data": fields}


def error(response: httpx.Response) -> dict:
    assert response.headers["content-type"] == "application/json"
    said = response.json()
    if response.url.path.startswith("/v2"):  # as its protocol wants it
        assert set(said) == {"error", "kind"}
        return {"kind": said["kind"], "message": said["error"]}
    assert set(said) == {"error"}
    return said["error"]
