"""Bad files: each must be refused with a status of 4xx and the service's form of an error, and harm nothing."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aletheia.lifecycle.staging.answer_checks import post_picture
from aletheia.lifecycle.staging.report import staging_result
from aletheia.release.gate_check import FAILED, PASSED, CheckResult

if TYPE_CHECKING:
    from aletheia.lifecycle.staging.service_process import StagedService

CODE, _NAME = "bad-files", "refuses bad files and goes on"


class _Reason(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    kind: str = Field(min_length=1)
    message: str = Field(min_length=1)


class _Refusal(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    ok: bool
    error: _Reason


def _png(width: int, height: int) -> bytes:
    """Return the beginning of a PNG file that claims a size: a decompression bomb for who believes it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _requests(jpeg: bytes) -> dict[str, Callable[[httpx.Client], httpx.Response]]:
    """Return a request for each kind of bad file, by its description."""
    files = {
        "an empty file": (b"", "picture.jpg"),
        "a text": (b"this is no picture\n" * 50, "picture.jpg"),
        "a JPEG that ends in its head": (jpeg[:100], "picture.jpg"),
        "a JPEG of noise": (jpeg[:3] + bytes(range(256)) * 20, "picture.jpg"),
        "a PNG that claims 60,000 x 60,000 pixels": (_png(60_000, 60_000), "picture.png"),
        "a video that is none": (b"\x00\x00\x00\x18ftypmp42" + bytes(200), "clip.mp4"),
    }
    requests: dict[str, Callable[[httpx.Client], httpx.Response]] = {
        what: functools.partial(post_picture, data=data, name=name) for what, (data, name) in files.items()
    }
    requests["a request without a file"] = lambda client: client.post("/v1/predict", data={"frames": "1"})
    requests["JSON without a picture"] = lambda client: client.post("/v1/predict", json={"image": 3})
    return requests


def check_bad_files(service: StagedService, jpeg: bytes) -> CheckResult:
    """Send bad files, each followed by a look whether the service still runs, then a good one."""
    client, faults = service.client, []
    before = post_picture(client, jpeg)
    if not before.is_success:
        return staging_result(CODE, _NAME, FAILED, f"a good picture is answered with {before.status_code}")
    requests = _requests(jpeg)
    for what, send in requests.items():
        try:
            response = send(client)
        except httpx.HTTPError as error:
            faults.append(f"{what}: no answer ({type(error).__name__})")
        else:
            if fault := _fault(response):
                faults.append(f"{what}: {fault}")
        if not service.is_alive():
            return staging_result(CODE, _NAME, FAILED, "; ".join([*faults, f"the service ended after {what}"]))
    after = post_picture(client, jpeg)
    if not after.is_success or after.json()["verdict"] != before.json()["verdict"]:
        faults.append("afterwards a good picture is answered otherwise than before")
    if faults:
        return staging_result(CODE, _NAME, FAILED, "; ".join(faults))
    return staging_result(CODE, _NAME, PASSED, f"{len(requests)} bad requests refused, and the next one answered")


def _fault(response: httpx.Response) -> str:
    """Say what is wrong with a refusal; empty where nothing is."""
    if not 400 <= response.status_code < 500:
        return f"answered with {response.status_code}"
    try:
        refusal = _Refusal.model_validate_json(response.content)
    except ValidationError:
        return f"refused with {response.status_code}, but not in the form of an error"
    return "the error says ok" if refusal.ok else ""
