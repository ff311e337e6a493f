"""The V2 inference protocol (KServe's open inference protocol) for pictures and verdicts.

A request names each picture once among its ``inputs``, as a tensor
``{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["<base64>"]}`` or
``{"name": "image", "shape": [height, width, 3], "datatype": "UINT8", "data": […]}``. From Python the bytes, the
base64 text or the array itself may stand in the list. No input names a path or a URL: a text that is not base64
of an image is an error, never a file to open.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np

from aletheia.errors import InputError
from aletheia.serving.engine import Prediction
from aletheia.settings import get_settings

MAX_IMAGES = 64


def decode_inputs(inputs: Sequence[Any]) -> list[bytes | np.ndarray]:
    """The pictures of a request, in order.

    Parameters
    ----------
    inputs : list
        Tensors, or bare bytes, base64 texts and arrays (height, width, 3).

    Returns
    -------
    list
        For each picture the bytes of a file, or its pixels.

    Raises
    ------
    InputError
        When the request holds no picture, too many, or something that is none.
    """
    pictures: list[bytes | np.ndarray] = []
    for position, item in enumerate(inputs):
        try:
            pictures.extend(_decode(item))
        except (InputError, binascii.Error, ValueError, TypeError, OverflowError) as error:
            raise InputError(f"inputs[{position}] is not an image: {error}") from None
        if len(pictures) > MAX_IMAGES:
            raise InputError(f"At most {MAX_IMAGES} images fit in one request; send the others in another one.")
    if not pictures:
        raise InputError('The request holds no image; put one into "inputs".')
    return pictures


def _decode(item: Any) -> list[bytes | np.ndarray]:
    if isinstance(item, bytes | bytearray | np.ndarray):
        return [bytes(item) if not isinstance(item, np.ndarray) else item]
    if isinstance(item, str):
        return [_from_base64(item)]
    if isinstance(item, list):
        return [_pixels(item, None)]
    if not isinstance(item, dict):
        raise InputError(f"expected a tensor, bytes, base64 text or an array, got {type(item).__name__}")
    datatype = str(item.get("datatype", "")).upper()
    data = item.get("data")
    if datatype == "BYTES":
        values = data if isinstance(data, list) else [data]
        return [value if isinstance(value, bytes) else _from_base64(value) for value in values]
    if datatype in ("UINT8", "INT32", "INT64"):
        return [_pixels(data, item.get("shape"))]
    raise InputError(f"the datatype {datatype!r} is none of BYTES (base64 of a file) and UINT8 (RGB pixels)")


def _from_base64(text: Any) -> bytes:
    if not isinstance(text, str):
        raise InputError("BYTES data must be base64 text")
    limit = get_settings().max_file_bytes
    if len(text) > limit * 4 // 3 + 4:
        raise InputError(f"the file has more than {limit} bytes")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    return base64.b64decode(text, validate=True)


def _pixels(data: Any, shape: Any) -> np.ndarray:
    array = np.asarray(data)
    if array.dtype == object or not np.issubdtype(array.dtype, np.number):
        raise InputError("the pixels are not a full block of numbers")
    if shape is not None:
        if not isinstance(shape, list) or not all(isinstance(side, int) and side > 0 for side in shape):
            raise InputError("the shape must be a list of positive whole numbers")
        array = array.reshape(shape)
    return array[0] if array.ndim == 4 and array.shape[0] == 1 else array


def encode_outputs(predictions: Sequence[Prediction]) -> list[dict]:
    """The answers as V2 tensors.

    One row a face in ``fake_probability``, ``box``, ``image`` (the picture's position in the request),
    ``face_verdict`` and ``face_reason``; one row a picture in ``verdict`` and ``reason``. A reason says why a verdict
    is neither real nor fake. A picture without a face has no row in the former.
    """
    faces = [(index, face) for index, answer in enumerate(predictions) for face in answer.faces]
    return [
        _tensor("fake_probability", "FP32", [len(faces)], [face.probability for _, face in faces]),
        _tensor("box", "FP32", [len(faces), 4], [value for _, face in faces for value in face.box]),
        _tensor("image", "INT32", [len(faces)], [index for index, _ in faces]),
        _tensor("face_verdict", "BYTES", [len(faces)], [face.verdict for _, face in faces]),
        _tensor("face_reason", "BYTES", [len(faces)], [face.reason for _, face in faces]),
        _tensor("verdict", "BYTES", [len(predictions)], [answer.verdict for answer in predictions]),
        _tensor("reason", "BYTES", [len(predictions)], [answer.reason for answer in predictions]),
    ]


def _tensor(name: str, datatype: str, shape: list[int], data: list) -> dict:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}
