"""The OpenAPI description for a client: the address by which it came, the key where it is needed, snippets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import Scope

from aletheia.serving.routing import find_policy
from aletheia.serving.snippets import call_of, code_samples

if TYPE_CHECKING:
    from fastapi import FastAPI

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The key of the service."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key of the service."},
}
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+/?")


def describe(app: FastAPI, scope: Scope) -> dict[str, Any]:
    """Return the description of an application for the client of a request.

    Each operation has ``x-codeSamples``, and ``security`` where the service demands its key.
    """
    service, address = app.state.service, public_address(scope)
    has_key = service.config.api_key is not None
    values = {"name": service.loaded.name, "version": service.loaded.version, "job_id": "JOB"}
    description = app.openapi()
    paths: dict[str, Any] = {}
    for path, operations in description["paths"].items():
        url = address + _filled(path, values)
        for method, operation in operations.items():
            asked = {"type": "http", "app": app, "path": path, "method": method.upper(), "headers": [], "root_path": ""}
            needs_key = has_key and find_policy(app.routes, asked)[0].needs_key
            samples = code_samples(call_of(method.upper(), url, operation, needs_key=needs_key))
            security: list[dict[str, list[str]]] = [{name: []} for name in _SCHEMES] if needs_key else []
            paths.setdefault(path, {})[method] = {**operation, "security": security, "x-codeSamples": samples}
    components = {**description.get("components", {}), **({"securitySchemes": _SCHEMES} if has_key else {})}
    return {**description, "servers": [{"url": address}], "paths": paths, "components": components}


def public_address(scope: Scope) -> str:
    """Return the address by which a client reached the service, as far as it and a proxy before the service say.

    A proxy names it in ``X-Forwarded-Proto``, ``-Host`` and ``-Prefix``. The answer goes to who sent the headers, and
    must not be cached for others.
    """
    headers = Headers(scope=scope)
    sent = {name: headers.get(f"x-forwarded-{name}", "").split(",")[0].strip() for name in ("proto", "host", "prefix")}
    host = next((name for name in (sent["host"], headers.get("host", "")) if _HOST.fullmatch(name)), "")
    if not host:
        return ""
    scheme = sent["proto"] if sent["proto"] in ("http", "https") else scope.get("scheme", "http")
    prefix = sent["prefix"] if _PREFIX.fullmatch(sent["prefix"]) else scope.get("root_path", "")
    return f"{scheme}://{host}{prefix.rstrip('/')}"


def _filled(path: str, values: Mapping[str, str]) -> str:
    """Fill in the parameters of a path; those of routes that other packages add stay."""
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path
