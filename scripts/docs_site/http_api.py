"""The page about the HTTP interface, from the application's own OpenAPI description."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from docs_site.tables import table

_INTRODUCTION = """# HTTP API

Generated from the OpenAPI description that the service itself gives at `/openapi.json` and, as a page, at `/docs`.
[Serving](serving.md) says how to start it and what its limits are.

Answers are JSON. A request that is refused gets a [Failure](#schema-failure) whose `message` is a sentence with the
remedy. If the service has an API key, send it as `Authorization: Bearer KEY`.
"""


def describe_service() -> dict[str, Any]:
    """Return the OpenAPI description of the routes; no model is loaded."""
    from fastapi import FastAPI

    import aletheia
    from aletheia.serving.routes import router

    app = FastAPI(title="Aletheia", version=aletheia.__version__)
    app.include_router(router)
    return app.openapi()


def http_api_page(description: Mapping[str, Any]) -> str:
    """Return a Markdown page for an OpenAPI description: routes by tag, then the schemas of what is sent."""
    groups: dict[str, list[str]] = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["other"])[0]
            groups.setdefault(tag, []).extend(_operation(path, method, operation))
    parts = [_INTRODUCTION]
    for tag, operations in groups.items():
        parts += [f"## {tag[:1].upper()}{tag[1:]}\n", *operations]
    parts.append("## Schemas\n")
    for name, schema in description.get("components", {}).get("schemas", {}).items():
        if not name.startswith(("HTTPValidationError", "ValidationError")):
            parts += _schema(name, schema)
    return "\n".join(parts)


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`\n"
    yield operation.get("description", operation.get("summary", "")) + "\n"
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        schema = body.get("schema", {})
        required = schema.get("required", ())
        yield f"Takes `{kind}`:\n"
        yield table(
            ("field", "type", "meaning"),
            [
                (f"`{name}`" + ("" if name in required else " (optional)"), _type(value), value.get("description", ""))
                for name, value in schema.get("properties", {}).items()
            ],
        )
        if "example" in body:
            yield _code(body["example"])
    rows = [
        (f"`{status}`", _returned(answer), answer.get("description", ""))
        for status, answer in sorted(operation.get("responses", {}).items())
        if not (status == "422" and "ValidationError" in json.dumps(answer))
    ]
    yield table(("status", "body", "when"), rows)


def _returned(answer: Mapping[str, Any]) -> str:
    content = answer.get("content", {})
    return ", ".join(_type(body.get("schema", {})) or f"`{kind}`" for kind, body in content.items())


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name} {{#schema-{name.lower()}}}\n"
    yield schema.get("description", "") + "\n"
    required = schema.get("required", ())
    rows = [
        (f"`{field}`" + ("" if field in required else " (optional)"), _type(value), value.get("description", ""))
        for field, value in schema.get("properties", {}).items()
    ]
    if rows:
        yield table(("field", "type", "meaning"), rows)
    for example in schema.get("examples", ()):
        yield _code(example)


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#schema-{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value, ensure_ascii=False)}`" for value in schema["enum"])
    if schema.get("type") == "array":
        inside = _type(schema.get("items", {}))
        if "prefixItems" in schema:
            inside = f"{len(schema['prefixItems'])} {_type(schema['prefixItems'][0])}s"
        return f"array of {inside}" if inside else "array"
    return str(schema.get("format") or schema.get("type") or "")


def _code(value: Any) -> str:
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"
