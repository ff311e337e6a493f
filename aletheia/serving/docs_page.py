"""The OpenAPI description as a plain HTML page: no script, nothing from other sites."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; } body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
padding: 0 1rem; } h2 { margin-top: 2.5rem; font-size: 1.15rem; } h2 b { display: inline-block; min-width: 4.5rem; }
pre { border: 1px solid #8886; border-radius: 6px; padding: .7rem 1rem; overflow-x: auto; font-size: .85rem; }
td { padding: .15rem 1rem .15rem 0; vertical-align: top; } summary { cursor: pointer; }
"""
_HINT = (
    "<p>Answers are JSON. One that is refused has the form of <code>Failure</code> below. With a key in the service's "
    "configuration, send it as <code>Authorization: Bearer KEY</code>. For programs: "
    '<a href="openapi.json">openapi.json</a>.</p>'
    "<pre>curl -F file=@picture.jpg http://127.0.0.1:7860/v1/predict</pre>"
)


def docs_page(description: Mapping[str, Any]) -> str:
    """Render an OpenAPI description as an HTML page."""
    parts = [f"<h1>{escape(description['info']['title'])}</h1>", _HINT]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parts += _operation(path, method, operation)
    parts.append("<h1>What is sent</h1>")
    for name, schema in description.get("components", {}).get("schemas", {}).items():
        parts += _schema(name, schema)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Aletheia: interface</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>"
    yield f"<p>{escape(operation.get('description', ''))}</p>"
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        fields = body.get("schema", {}).get("properties", {})
        required = body.get("schema", {}).get("required", ())
        names = ", ".join(f"{name}{'' if name in required else ' (optional)'}" for name in fields)
        yield f"<p>Takes <code>{escape(kind)}</code>: {escape(names)}.</p>"
        if "example" in body:
            yield _code(body["example"])
    rows = "".join(
        f"<tr><td>{escape(str(status))}</td><td>{escape(answer.get('description', ''))}</td></tr>"
        for status, answer in operation.get("responses", {}).items()
    )
    yield f"<details><summary>Answers</summary><table>{rows}</table></details>"


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h2 id="{escape(name)}">{escape(name)}</h2><p>{escape(schema.get("description", ""))}</p>'
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{escape(member.get('description', ''))}</td></tr>"
        for field, member in schema.get("properties", {}).items()
    )
    yield f"<table>{rows}</table>"
    for example in schema.get("examples", ()):
        yield _code(example)


def _code(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
