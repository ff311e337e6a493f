"""Receiving of request bodies, large ones on the disk in a file without a name that ends with the request."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from typing import IO, Any

from anyio import to_thread
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from aletheia.core.errors import DISK_FULL, InputError
from aletheia.imaging.media_types import HEAD_BYTES, begins_as_video
from aletheia.inference.errors import RequestError
from aletheia.inference.options import PredictOptions
from aletheia.serving.base64_text import decode_base64

#: Fields of a request besides the file and ``frames``, see `aletheia.inference.options.PredictOptions`.
OPTIONS = ("threshold", "use_calibration", "crops")
_IN_MEMORY = 1 << 20
_MAX_FIELDS = 8
_MAX_FIELD_BYTES = 1024
_MAX_VALUES = 4_000_000  # enough for a megapixel as numbers
_FORMS = "Send a form with the picture or video as file (multipart/form-data), or JSON with the picture as base64."


@dataclasses.dataclass
class Upload:
    """A file, or JSON with a picture, that a request sent.

    Attributes
    ----------
    file : file
        Its content; closed with the request unless `taken`.
    size : int
        Bytes.
    fields : dict of str to str
        The other fields of the form.
    is_json : bool
        Whether the content is JSON with a picture.
    taken : bool
        Set by code that keeps the file and closes it later.
    """

    file: IO[bytes]
    size: int
    fields: dict[str, str] = dataclasses.field(default_factory=dict)
    is_json: bool = False
    taken: bool = False

    def read(self) -> bytes:
        """Return the whole content."""
        self.file.seek(0)
        return self.file.read()

    def is_video(self) -> bool:
        """Tell whether the content begins as videos do, whatever the name of the file."""
        self.file.seek(0)
        return begins_as_video(self.file.read(HEAD_BYTES))

    def options(self) -> PredictOptions:
        """Return the wishes in the fields `OPTIONS`; RequestError when one does not fit."""
        return parse_options(self.fields)

    def frames(self) -> int | None:
        """Return the field ``frames``, if there is one; RequestError when it is no whole number."""
        text = self.fields.get("frames", "").strip()
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise RequestError("bad_request", f"frames is {text[:40]!r}; it must be a whole number.")
        return int(text)


@contextlib.asynccontextmanager
async def receive_upload(request: Request, field_bytes: int = _MAX_FIELD_BYTES) -> AsyncIterator[Upload]:
    """Receive the body of a request, with fields of at most so many bytes; its file is closed afterwards.

    Raises
    ------
    RequestError
        When it is neither a form with one file nor JSON.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if content_type == "multipart/form-data":
            upload = await _receive_form(request, field_bytes)
        elif content_type == "application/json":
            upload = await _receive_json(request)
        else:
            raise RequestError("unknown_format", f"The content type {content_type[:60]!r} is not read. {_FORMS}")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise RequestError("no_space", f"The upload could not be stored. {DISK_FULL}") from None
        raise
    try:
        yield upload
    finally:
        if not upload.taken:
            upload.file.close()


async def _receive_form(request: Request, field_bytes: int) -> Upload:
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=1, max_fields=_MAX_FIELDS, max_part_size=field_bytes
    )
    try:
        form = await parser.parse()
    except (MultiPartException, UnicodeError, LookupError) as error:  # the latter two for a charset that does not exist
        reason = error.message if isinstance(error, MultiPartException) else "its charset"
        raise RequestError("bad_request", f"The form cannot be read ({reason}). {_FORMS}") from None
    file = form.get("file")
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    if not isinstance(file, UploadFile):
        await form.close()
        raise RequestError("bad_request", f"The form has no file in its field file. {_FORMS}")
    return Upload(file.file, file.size or 0, fields)


async def _receive_json(request: Request) -> Upload:
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 -- closed with the request
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > _IN_MEMORY:
                await to_thread.run_sync(file.write, chunk)
            else:
                file.write(chunk)
    except BaseException:
        file.close()
        raise
    return Upload(file, size, is_json=True)


def parse_json(content: bytes) -> dict[str, Any]:
    """Parse a JSON object; RequestError for anything else, and for so many values that they would need a gigabyte."""
    if sum(map(content.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise RequestError(
            "too_large", f"The JSON holds more than {_MAX_VALUES:,} values; send a picture as base64 text."
        )
    try:
        value = json.loads(content)
    except RecursionError:
        raise RequestError("bad_request", "The JSON is nested too deeply.") from None
    except ValueError as error:
        raise RequestError("bad_request", f"The body is not the JSON it should be: {str(error)[:200]}.") from None
    if not isinstance(value, dict):
        raise RequestError("bad_request", "The JSON must be an object.")
    return value


def picture_from_json(content: bytes) -> tuple[bytes, PredictOptions]:
    """Decode ``{"image": "<base64>"}``, beside which `OPTIONS` may stand; RequestError when there is no picture."""
    value = parse_json(content)
    text = value.pop("image", None)
    if not isinstance(text, str):
        raise RequestError("bad_request", 'The JSON holds no picture; send {"image": "<base64>"}.')
    if unknown := sorted(value.keys() - set(OPTIONS)):
        raise RequestError(
            "bad_request",
            f"The JSON holds {unknown[0][:60]!r}, which is not used here; beside image may stand {', '.join(OPTIONS)}.",
        )
    options = parse_options(value)
    try:
        return decode_base64(text), options
    except ValueError:
        raise RequestError("bad_request", "image is not base64.") from None


def parse_options(fields: Mapping[str, Any]) -> PredictOptions:
    """Read the wishes of a client from the fields of a form (texts) or of JSON; RequestError when one does not fit."""
    given: dict[str, Any] = {}
    for name in OPTIONS:
        value = fields.get(name)
        if value is None or value == "":
            continue
        if name == "threshold":
            given[name] = _number(name, value)
        else:
            given[name] = _flag(name, value)
    try:
        return PredictOptions(**given)
    except InputError as error:
        raise RequestError("bad_request", str(error)) from None


def _number(name: str, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise RequestError("bad_request", f"{name} is {str(value)[:40]!r}; it must be a number from 0 to 1.") from None


def _flag(name: str, value: Any) -> bool:
    flags = {"true": True, "1": True, "false": False, "0": False}
    text = str(value).strip().lower()
    if text not in flags:
        raise RequestError("bad_request", f"{name} is {str(value)[:40]!r}; it must be true or false.")
    return flags[text]
