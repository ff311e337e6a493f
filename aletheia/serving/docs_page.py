"""The interactive reference of the interface: Swagger UI from an installed package, nothing from other sites."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from aletheia.serving.routing import API_CSP

#: Swagger UI writes styles into elements, shows icons from its style sheet and asks this service alone.
DOCS_CSP = API_CSP.replace("default-src 'none'", "default-src 'none'; script-src 'self'; connect-src 'self'").replace(
    "style-src 'unsafe-inline'", "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:"
)
_HERE = Path(__file__).parent
_OWN = {"docs.js": "text/javascript", "docs.css": "text/css"}
_PACKAGED = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}

#: Addresses are relative to the page, so that it works below any prefix of a proxy.
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Aletheia: interface</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css"><link rel="stylesheet" href="docs/docs.css"></head>
<body><div id="docs"><noscript>This page needs JavaScript; <a href="openapi.json">openapi.json</a> says the same.
</noscript></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/docs.js"></script></body></html>
"""


def docs_file(name: str) -> tuple[Path, str] | None:
    """Return path and media type of a file of the page; None for a name that it does not have."""
    if name in _OWN:
        return _HERE / "web" / name, _OWN[name]
    if name in _PACKAGED:
        return _swagger_ui() / name, _PACKAGED[name]
    return None


def _swagger_ui() -> Path:
    """Return the folder of Swagger UI's files. Its package would import FastAPI's pages, and is not imported."""
    found = importlib.util.find_spec("fastapi_swagger")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("fastapi-swagger, which brings Swagger UI, is not installed: run make setup.")
    return Path(found.origin).parent / "resources"
