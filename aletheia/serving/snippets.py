"""Snippets that call a route of the interface: curl, Python (requests) and JavaScript (fetch)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

#: Stands in the example of a body for a picture in base64.
PICTURE = "/9j/4AAQSkZJRgABAQ…"
_KEY = "ALETHEIA_API_KEY"


@dataclasses.dataclass(frozen=True)
class Call:
    """A request that a snippet makes.

    Attributes
    ----------
    method : str
        In capitals.
    url : str
    file : str
        Name of the file that is sent as field ``file`` of a form; empty without one.
    body : object, optional
        What is sent as JSON; `PICTURE` in it stands for ``picture.jpg`` in base64.
    needs_key : bool
        Whether the key of the service, from the environment, is sent.
    """

    method: str
    url: str
    file: str = ""
    body: Any = None
    needs_key: bool = False


def call_of(method: str, url: str, operation: Mapping[str, Any], *, needs_key: bool) -> Call:
    """Make the request for an operation of an OpenAPI description: with a file where it takes one."""
    content = operation.get("requestBody", {}).get("content", {})
    example = content.get("application/json", {}).get("example")
    if "multipart/form-data" in content and example is not None and not _holds_picture(example):
        return Call(method, url, body=example, needs_key=needs_key)  # the file is what may come along
    if "multipart/form-data" in content:
        # A route that also takes JSON answers for pictures; the other is for videos.
        return Call(method, url, "picture.jpg" if "application/json" in content else "video.mp4", needs_key=needs_key)
    return Call(method, url, body=example, needs_key=needs_key)


def code_samples(call: Call) -> list[dict[str, str]]:
    """Return the snippets in the form of ``x-codeSamples``: ``lang``, ``label`` and ``source``."""
    made = (
        ("shell", "curl", _curl(call)),
        ("python", "Python", _python(call)),
        ("javascript", "JavaScript", _script(call)),
    )
    return [{"lang": lang, "label": label, "source": source} for lang, label, source in made]


def _curl(call: Call) -> str:
    words = ["curl -sS --fail-with-body"]
    if call.method not in ("GET", "POST"):
        words.append(f"-X {call.method}")
    if call.needs_key:
        words.append(f'-H "Authorization: Bearer ${_KEY}"')
    if call.file:
        words.append(f"-F file=@{call.file}")
    if call.body is None:
        return " \\\n  ".join([*words, call.url])
    if not _holds_picture(call.body):
        body = json.dumps(call.body, ensure_ascii=False)
        return " \\\n  ".join([*words, '-H "Content-Type: application/json"', f"--data-binary '{body}'", call.url])
    text = json.dumps(call.body, ensure_ascii=False).replace("%", "%%").replace(PICTURE, "%s")
    words += ['-H "Content-Type: application/json"', "--data-binary @-", call.url]
    return f"printf '{text}' \"$(base64 -w 0 picture.jpg)\" |\n  " + " \\\n  ".join(words)


def _python(call: Call) -> str:
    arguments = [json.dumps(call.url)]
    if call.needs_key:
        arguments.append(f'headers={{"Authorization": "Bearer " + os.environ["{_KEY}"]}}')
    if call.file:
        arguments.append(f'files={{"file": open("{call.file}", "rb")}}')
    if call.body is not None:
        arguments.append(f"json={_literal(call.body)}")
    lines = ["import os"] * call.needs_key + ["import requests", ""]
    if _holds_picture(call.body):
        lines = ["import base64", *lines, 'picture = base64.b64encode(open("picture.jpg", "rb").read()).decode()']
    joined = "".join(f"\n    {argument}," for argument in [*arguments, "timeout=60"])
    return "\n".join(
        [
            *lines,
            f"answer = requests.{call.method.lower()}({joined}\n)",
            "answer.raise_for_status()",
            "print(answer.text)",
        ]
    )


def _script(call: Call) -> str:
    lines, options = [], [f'method: "{call.method}"']
    if call.file:
        lines = [
            'import { openAsBlob } from "node:fs"; // in a page: the file of an <input type="file">',
            "",
            "const form = new FormData();",
            f'form.append("file", await openAsBlob("{call.file}"), "{call.file}");',
        ]
    headers = []
    if call.needs_key:
        headers.append(f"Authorization: `Bearer ${{process.env.{_KEY}}}`")
    if _holds_picture(call.body):
        lines = [
            'import { readFileSync } from "node:fs";',
            "",
            'const picture = readFileSync("picture.jpg", "base64");',
        ]
    if call.body is not None:
        headers.append('"Content-Type": "application/json"')
    if headers:
        options.append(f"headers: {{ {', '.join(headers)} }}")
    if call.file:
        options.append("body: form")
    if call.body is not None:
        options.append(f"body: JSON.stringify({_literal(call.body)})")
    joined = "".join(f"\n  {option}," for option in options)
    inner = "" if options == ['method: "GET"'] else f", {{{joined}\n}}"
    return "\n".join(
        [
            *lines,
            f"const answer = await fetch({json.dumps(call.url)}{inner});",
            "if (!answer.ok) throw new Error(await answer.text());",
            "console.log(await answer.text());",
        ]
    )


def _literal(body: Any) -> str:
    """Write a body for Python or JavaScript, with the variable ``picture`` in place of `PICTURE`."""
    return json.dumps(body, ensure_ascii=False).replace(json.dumps(PICTURE, ensure_ascii=False), "picture")


def _holds_picture(body: Any) -> bool:
    return json.dumps(PICTURE, ensure_ascii=False) in json.dumps(body, ensure_ascii=False)
