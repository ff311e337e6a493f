"""How each route for programs is described and guarded: its policy, what it takes, and how it refuses."""

from __future__ import annotations

import dataclasses
from typing import Any

from fastapi import Depends

from aletheia.lifecycle.experiments.assignment import KEY_HEADER
from aletheia.serving.feedback_schemas import Feedback
from aletheia.serving.routing import OVERHEAD_BYTES, RoutePolicy, base64_limit, file_limit, picture_limit
from aletheia.serving.schemas import Failure, V2Failure
from aletheia.serving.snippets import PICTURE

#: Policies of the routes.
FILES = RoutePolicy(max_body_bytes=file_limit, max_json_bytes=base64_limit, asks=True)
FEEDBACK = RoutePolicy(max_body_bytes=picture_limit, max_json_bytes=16_384)
JOB = RoutePolicy(max_json_bytes=base64_limit, metrics_label="/v1/jobs/{id}")
PROBE = RoutePolicy(needs_key=False, checks_origin=False, cache_control=None)
METRICS = RoutePolicy(cache_control=None)
V2 = RoutePolicy(max_body_bytes=base64_limit, metrics_label="/v2", v2_errors=True)
V2_SERVER = dataclasses.replace(V2, max_body_bytes=OVERHEAD_BYTES)
V2_INFER = dataclasses.replace(V2, metrics_label="/v2/models/{name}/infer", asks=True)
V2_PROBE = dataclasses.replace(V2, needs_key=False, checks_origin=False)

_PICTURE = {"type": "string", "format": "binary", "description": "A picture or a video."}
_FRAMES = {"type": "integer", "minimum": 1, "description": "Frames of a video that are looked at."}
_OPTIONS = {
    "threshold": {"type": "number", "description": "Probability from which on a face is fake; default: the model's."},
    "use_calibration": {"type": "boolean", "default": True, "description": "Whether probabilities are calibrated."},
    "crops": {"type": "boolean", "default": False, "description": "Whether the faces of a picture come as PNG."},
}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": _PICTURE, "frames": _FRAMES, **_OPTIONS}}
_IMAGE = {"type": "string", "format": "byte"}
#: The header by which callers are told apart when two models answer.
KEY_PARAMETER = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Any text that stands for the caller: the same one gets the same model where two are tried. It is "
    "hashed, and not kept. Without it the picture decides.",
}
_BASE64 = {"type": "object", "required": ["image"], "properties": {"image": _IMAGE, **_OPTIONS}}
IMAGE_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": _FORM},
        "application/json": {"schema": _BASE64, "example": {"image": PICTURE}},
    },
}
VIDEO_BODY = {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
_STATEMENT = {"id": "0b9c1c5e8a4f4f0f9a53a4f3c6a1f0d2", "label": "fake", "source": "own"}
_SCHEMA = Feedback.model_json_schema()
FEEDBACK_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": _SCHEMA, "example": _STATEMENT},
        "multipart/form-data": {
            "schema": {
                **_SCHEMA,
                "required": ["file", "consent", *_SCHEMA["required"]],
                "properties": {
                    "file": {**_IMAGE, "description": "The picture again, to be kept."},
                    **_SCHEMA["properties"],
                },
            }
        },
    },
}
_TENSOR = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [PICTURE]}
_INFER_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object", "required": ["inputs"], "properties": {"inputs": {"type": "array"}}},
            "example": {"id": "42", "parameters": {"threshold": 0.7}, "inputs": [_TENSOR]},
        }
    },
}
_REFUSALS = {
    400: "The request does not fit.",
    401: "The key is missing or wrong.",
    403: "A foreign Host or Origin.",
    404: "Not here.",
    405: "A method that the path does not have; the header Allow names those that it has.",
    408: "It came too slowly.",
    409: "Cancelled.",
    413: "Too many bytes, pixels or seconds.",
    415: "A format that is not read.",
    422: "A picture or video that cannot be decoded.",
    429: "Too many wait; the header Retry-After says how long.",
    500: "A defect of the service; its log says more.",
    503: "Not ready, or no space left.",
    504: "It took too long.",
}
LOOKING = (400, 401, 403, 404, 405, 413, 500)  # of every route that only reads
SENDING = tuple(status for status in _REFUSALS if status != 404)  # of a route that takes a picture or video


def describe_failures(*statuses: int, v2: bool = False) -> dict[int | str, dict[str, Any]]:
    """Describe refusals for the schema. With "default" in it FastAPI adds no 422 of its own form."""
    model = V2Failure if v2 else Failure
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": model, "description": _REFUSALS[status]} for status in sorted(statuses)
    }
    return answers | {"default": {"model": model, "description": "Any other refusal."}}


FAILURES = describe_failures(*SENDING)
_FEEDBACK_FAILURES = sorted({*SENDING, 404} - {409})
FEEDBACK_FAILURES = describe_failures(*_FEEDBACK_FAILURES)
V2_ROUTE: dict[str, Any] = {
    "tags": ["V2 inference protocol"],
    "responses": describe_failures(*LOOKING, 503, v2=True),
    "dependencies": [Depends(V2)],
}
V2_HEALTH_ROUTE = {**V2_ROUTE, "dependencies": [Depends(V2_PROBE)]}
INFER_ROUTE: dict[str, Any] = {
    **V2_ROUTE,
    "responses": describe_failures(*_REFUSALS, v2=True),
    "openapi_extra": {"requestBody": _INFER_BODY, "parameters": [KEY_PARAMETER]},
    "dependencies": [Depends(V2_INFER)],
}
PROBE_ROUTE: dict[str, Any] = {
    "tags": ["probes"],
    "responses": describe_failures(405, 413, 503),
    "dependencies": [Depends(PROBE)],
}
