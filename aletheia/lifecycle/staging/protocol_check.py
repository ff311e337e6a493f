"""Conformance with the Open Inference Protocol, version 2, over HTTP.

Source: the protocol's REST specification (Open Inference Protocol, KServe): health, server metadata, model metadata,
readiness and inference; names, types and shapes of tensors, and errors of the form ``{"error": …}``.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aletheia.core.errors import AletheiaError
from aletheia.core.validation import explain_validation
from aletheia.lifecycle.staging.answer_checks import post_picture
from aletheia.lifecycle.staging.report import staging_result
from aletheia.release.gate_check import FAILED, PASSED, CheckResult

if TYPE_CHECKING:
    import httpx

CODE, _NAME = "inference-protocol", "speaks the Open Inference Protocol V2"
Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"
]  # fmt: skip


class _Part(BaseModel):
    """The specification allows further fields."""

    model_config = ConfigDict(strict=True, extra="ignore")


Part = TypeVar("Part", bound=_Part)


class _Server(_Part):
    name: str
    version: str
    extensions: list[str]


class _TensorMetadata(_Part):
    name: str
    datatype: Datatype
    shape: list[Annotated[int, Field(ge=-1)]]


class _Model(_Part):
    name: str
    versions: list[str] = []
    platform: str
    inputs: Annotated[list[_TensorMetadata], Field(min_length=1)]
    outputs: Annotated[list[_TensorMetadata], Field(min_length=1)]


class _Tensor(_Part):
    name: str
    datatype: Datatype
    shape: list[Annotated[int, Field(ge=0)]]
    data: list[Any]


class _Inference(_Part):
    model_name: str
    model_version: str = ""
    id: str = ""
    outputs: list[_Tensor]


class _Error(_Part):
    error: Annotated[str, Field(min_length=1)]


class ViolationError(AletheiaError):
    """An answer is not as the protocol specifies."""


def check_protocol(client: httpx.Client, jpeg: bytes) -> CheckResult:
    """Go through the protocol with a picture, whose answer must be that of ``/v1/predict``."""
    try:
        steps = _walk(client, jpeg)
    except ViolationError as violation:
        return staging_result(CODE, _NAME, FAILED, str(violation))
    return staging_result(CODE, _NAME, PASSED, f"{steps} requests answered as specified")


def _walk(client: httpx.Client, jpeg: bytes) -> int:
    for path in ("/v2/health/live", "/v2/health/ready"):
        _expect(client.get(path), 200)
    _parse(_Server, _expect(client.get("/v2"), 200))
    listed = _expect(client.get("/v2/models"), 200).json().get("models") or [""]
    name = str(listed[0])
    model = _parse(_Model, _expect(client.get(f"/v2/models/{name}"), 200))
    _demand(model.name == name, f"the model {name!r} calls itself {model.name!r}")
    paths = [f"/v2/models/{name}", *(f"/v2/models/{name}/versions/{version}" for version in model.versions)]
    for path in paths:
        _expect(client.get(f"{path}/ready"), 200)
    encoded = base64.b64encode(jpeg).decode()
    tensor = {"name": model.inputs[0].name, "shape": [1], "datatype": "BYTES", "data": [encoded]}
    answers = [
        _parse(_Inference, _expect(client.post(f"{path}/infer", json={"id": "staging-1", "inputs": [tensor]}), 200))
        for path in paths
    ]
    for answer in answers:
        _check_answer(answer, model)
    one = next(output.name for output in model.outputs)
    wish = {"inputs": [tensor], "outputs": [{"name": one}]}
    chosen = _parse(_Inference, _expect(client.post(f"{paths[0]}/infer", json=wish), 200))
    _demand([output.name for output in chosen.outputs] == [one], f"asked for the output {one!r} alone, it sends others")
    _compare(answers[0], post_picture(client, jpeg).json())
    refused = [
        (client.get("/v2/models/no-such-model"), 404),
        (client.post(f"{paths[0]}/infer", json={"inputs": []}), 400),
        (client.post(f"{paths[0]}/infer", content=b"{", headers={"Content-Type": "application/json"}), 400),
    ]
    for response, status in refused:
        _parse(_Error, _expect(response, status))
    return 6 + 2 * len(paths) + 1 + len(refused)


def _check_answer(answer: _Inference, model: _Model) -> None:
    _demand(answer.model_name == model.name, f"the answer names the model {answer.model_name!r}")
    _demand(answer.id == "staging-1", f"the answer has the id {answer.id!r} in place of the request's")
    declared = {output.name: output.datatype for output in model.outputs}
    for tensor in answer.outputs:
        _demand(declared.get(tensor.name) == tensor.datatype, f"the output {tensor.name} is not of the declared type")
        size = math.prod(tensor.shape)
        _demand(size == len(tensor.data), f"the output {tensor.name} has {len(tensor.data)} values, not {size}")


def _compare(answer: _Inference, predicted: dict[str, Any]) -> None:
    """Compare with the answer of ``/v1/predict`` to the same picture."""
    outputs = {tensor.name: tensor.data for tensor in answer.outputs}
    expected = [face["probability"] for face in predicted.get("faces", ())]
    found = outputs.get("fake_probability", [])
    same = len(found) == len(expected) and all(abs(one - two) <= 1e-5 for one, two in zip(found, expected, strict=True))
    _demand(same, f"it answers {found}, /v1/predict {expected}")
    _demand(outputs.get("verdict") == [predicted.get("verdict")], "its verdict is not that of /v1/predict")


def _expect(response: httpx.Response, status: int) -> httpx.Response:
    path = response.url.path
    _demand(
        response.status_code == status, f"{response.request.method} {path} answers {response.status_code}, not {status}"
    )
    kind = response.headers.get("content-type", "").partition(";")[0]
    _demand(kind == "application/json", f"{path} answers with {kind or 'no type'}, not JSON")
    return response


def _parse(kind: type[Part], response: httpx.Response) -> Part:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise ViolationError(
            f"{response.url.path} does not fit the specification: {explain_validation(error)}"
        ) from None


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ViolationError(otherwise)
