"""The V2 inference protocol (KServe's open inference protocol) for pictures and verdicts.

A request names each picture once among its ``inputs``, as a tensor
``{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["<base64>"]}`` or
``{"name": "image", "shape": [height, width, 3], "datatype": "UINT8", "data": […]}``. From Python the bytes, the
base64 text or the array itself may be in the list. No input names a path or a URL: a text that is not base64
of an image is an error, never a file to open. The request's ``parameters`` may hold `threshold` and
`use_calibration`.
"""

from __future__ import annotations

import binascii
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.inference.options import PredictOptions
from aletheia.inference.predictor import Prediction
from aletheia.serving.base64_text import decode_base64

MAX_IMAGES = 64
#: Tensors of an answer and their datatypes.
OUTPUTS = {
    "fake_probability": "FP32",
    "raw_probability": "FP32",
    "box": "FP32",
    "image": "INT32",
    "face_verdict": "BYTES",
    "face_reason": "BYTES",
    "verdict": "BYTES",
    "reason": "BYTES",
    "id": "BYTES",
}
_MAX_ID = 200
#: Parameters of a request: types in JSON, and what they are.
_PARAMETERS = {"threshold": ((int, float), "a number from 0 to 1"), "use_calibration": ((bool,), "true or false")}


def decode_inputs(inputs: Sequence[Any], max_bytes: int | None = None) -> list[bytes | Array]:
    """Decode the tensors of a request.

    Parameters
    ----------
    inputs : list
        Tensors, or bare bytes, base64 texts and arrays (height, width, 3).
    max_bytes : int, optional
        Limit of a file; by default that of the settings.

    Returns
    -------
    list
        For each picture, in order, the bytes of a file or its pixels.

    Raises
    ------
    InputError
        When the request holds no picture, too many, or an input that is none.
    """
    pictures: list[bytes | Array] = []
    for position, item in enumerate(inputs):
        try:
            pictures.extend(_decode(item, max_bytes or get_settings().max_file_bytes))
        except (InputError, binascii.Error, ValueError, TypeError, OverflowError, MemoryError) as error:
            raise InputError(f"inputs[{position}] is not an image: {str(error)[:300]}") from None
        if len(pictures) > MAX_IMAGES:
            raise InputError(f"At most {MAX_IMAGES} images fit in one request; send the others in another one.")
    if not pictures:
        raise InputError('The request holds no image; put one into "inputs".')
    return pictures


def _decode(item: Any, limit: int) -> list[bytes | Array]:
    if isinstance(item, bytes | bytearray | np.ndarray):
        return [bytes(item) if not isinstance(item, np.ndarray) else item]
    if isinstance(item, str):
        return [_from_base64(item, limit)]
    if isinstance(item, list):
        return [_pixels(item, None)]
    if not isinstance(item, dict):
        raise InputError(f"expected a tensor, bytes, base64 text or an array, got {type(item).__name__}")
    datatype, data = str(item.get("datatype", ""))[:20].upper(), item.get("data")
    if datatype == "BYTES":
        values = data if isinstance(data, list) else [data]
        return [value if isinstance(value, bytes) else _from_base64(value, limit) for value in values]
    if datatype in ("UINT8", "INT32", "INT64"):
        return [_pixels(data, item.get("shape"))]
    raise InputError(f"the datatype {datatype!r} is none of BYTES (base64 of a file) and UINT8 (RGB pixels)")


def _from_base64(text: Any, limit: int) -> bytes:
    if not isinstance(text, str):
        raise InputError("BYTES data must be base64 text")
    if len(text) > limit * 4 // 3 * 80 // 76 + 300:  # with line breaks, or as a data: URL
        raise InputError(f"the file has more than {limit} bytes")
    return decode_base64(text)


def _pixels(data: Any, shape: Any) -> Array:
    # Checked before numpy reads them, which makes every element as long as the longest text among them.
    if not isinstance(data, np.ndarray) and not _only_integers(data):
        raise InputError("the pixels are not whole numbers from 0 to 255")
    array = data if isinstance(data, np.ndarray) else np.asarray(data, np.uint8)
    if shape is not None:
        if not isinstance(shape, list) or not all(isinstance(side, int) and side > 0 for side in shape):
            raise InputError("the shape must be a list of positive whole numbers")
        array = array.reshape(shape)
    return array[0] if array.ndim == 4 and array.shape[0] == 1 else array


def _only_integers(data: Any) -> bool:
    """Tell whether nested lists, at most four deep, hold nothing but whole numbers from 0 to 255."""
    level = data if isinstance(data, list) else [data]
    for _ in range(4):
        if all(type(value) is int and 0 <= value <= 255 for value in level):
            return True
        if not all(type(value) is list for value in level):
            return False
        level = [value for inner in level for value in inner]
    return False


def decode_parameters(request: dict[str, Any]) -> PredictOptions:
    """Read the wishes of a caller from the ``parameters`` of a request: `threshold` and `use_calibration`.

    Raises
    ------
    InputError
        For another parameter, or a value of the wrong type or out of range.
    """
    parameters = request.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise InputError('"parameters" must be an object, such as {"threshold": 0.7}.')
    if unknown := sorted(str(name) for name in parameters.keys() - _PARAMETERS.keys()):
        raise InputError(f"There is no parameter {unknown[0][:60]!r} here; there are {', '.join(_PARAMETERS)}.")
    for name, value in parameters.items():
        kinds, meaning = _PARAMETERS[name]
        if type(value) not in kinds:
            raise InputError(f"The parameter {name} must be {meaning}, not {str(value)[:40]!r}.")
    return PredictOptions(**parameters)


def check_id(value: Any) -> str:
    """Return the id of a request, which the answer repeats; InputError when it is no short text."""
    if not isinstance(value, str) or len(value) > _MAX_ID or not value.isprintable():
        raise InputError(f'The "id" of a request must be a printable text of at most {_MAX_ID} characters.')
    return value


def answer_id(tensors: Sequence[dict[str, Any]]) -> str:
    """Return the id for an answer to a request without one: that of its only picture, else a new one."""
    ids: list[str] = next((tensor["data"] for tensor in tensors if tensor["name"] == "id"), [])
    return ids[0] if len(ids) == 1 and ids[0] else uuid.uuid4().hex


def select_outputs(request: dict[str, Any], tensors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tensors of an answer that the request names in ``outputs``; all of them when it names none.

    Raises
    ------
    InputError
        When ``outputs`` is no list of ``{"name": …}``, or names a tensor that does not exist.
    """
    outputs = request.get("outputs") or []
    by_name = {tensor["name"]: tensor for tensor in tensors}
    entries = outputs if isinstance(outputs, list) else [None]
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in entries]
    if not all(isinstance(name, str) and name in by_name for name in names):
        raise InputError(f'"outputs" must be a list of {{"name": …}}; there are {", ".join(by_name)}.')
    return [by_name[name] for name in dict.fromkeys(names)] or tensors


def encode_outputs(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """Encode answers as V2 tensors.

    One row a face in ``fake_probability``, ``raw_probability`` (before calibration), ``box``, ``image`` (the picture's
    position in the request), ``face_verdict`` and ``face_reason``; one row a picture in ``verdict``, ``reason`` and
    ``id``. A reason says why a verdict is neither real nor fake. A picture without a face has no row in the former. The
    id is that by which feedback refers to the answer; empty where none is recorded.
    """
    faces = [(index, face) for index, answer in enumerate(predictions) for face in answer.faces]
    rows: dict[str, list[Any]] = {
        "fake_probability": [face.probability for _, face in faces],
        "raw_probability": [face.raw_probability for _, face in faces],
        "box": [value for _, face in faces for value in face.box],
        "image": [index for index, _ in faces],
        "face_verdict": [face.verdict for _, face in faces],
        "face_reason": [face.reason for _, face in faces],
        "verdict": [answer.verdict for answer in predictions],
        "reason": [answer.reason for answer in predictions],
        "id": [answer.id for answer in predictions],
    }
    shapes = {"box": [len(faces), 4]}
    return [
        {"name": name, "datatype": OUTPUTS[name], "shape": shapes.get(name, [len(data)]), "data": data}
        for name, data in rows.items()
    ]
