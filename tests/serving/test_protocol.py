"""The V2 inference protocol: contents of a request, form of an answer."""

from __future__ import annotations

import base64
import io
import resource

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aletheia.core.errors import InputError
from aletheia.inference.predictor import FaceScore, Prediction, checked_pixels
from aletheia.serving.protocol import MAX_IMAGES, decode_inputs, encode_outputs

PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    return buffer.getvalue()


def test_decode_inputs_forms():
    text = base64.b64encode(png()).decode()
    forms = [
        png(),
        text,
        f"data:image/png;base64,{text}",
        {"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]},
        {"name": "image", "shape": [1], "datatype": "BYTES", "data": [png()]},
    ]
    assert decode_inputs(forms) == [png()] * len(forms)
    arrays = [
        PIXELS,
        PIXELS.tolist(),
        {"name": "image", "shape": [4, 5, 3], "datatype": "UINT8", "data": PIXELS.ravel().tolist()},
        {"name": "image", "shape": [1, 4, 5, 3], "datatype": "UINT8", "data": PIXELS.ravel().tolist()},
    ]
    for decoded in decode_inputs(arrays):
        np.testing.assert_array_equal(checked_pixels(np.asarray(decoded)), PIXELS)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "holds no image"),
        ([{"datatype": "FP32", "data": [1.0]}], "datatype 'FP32'"),
        ([{"datatype": "UINT8", "data": [256]}], "whole numbers from 0 to 255"),
        ([{"datatype": "UINT8", "data": [-1]}], "whole numbers from 0 to 255"),
        ([{"datatype": "UINT8", "data": [True]}], "whole numbers from 0 to 255"),
        ([{"datatype": "UINT8", "data": [1.0]}], "whole numbers from 0 to 255"),
        ([{"datatype": "UINT8", "data": [[[[[1]]]]]}], "whole numbers from 0 to 255"),
        ([{"datatype": "BYTES", "data": ["not base64!"]}], "inputs\\[0\\] is not an image"),
        ([{"datatype": "UINT8", "shape": [9, 9, 3], "data": [1, 2, 3]}], "cannot reshape"),
        ([{"datatype": "UINT8", "shape": [-1, 3], "data": [1, 2, 3]}], "positive whole numbers"),
        ([[[1], [2, 3]]], "inputs\\[0\\]"),
        ([None], "expected a tensor"),
        (["/etc/passwd"], "inputs\\[0\\]|base64"),
        ([b"x"] * (MAX_IMAGES + 1), "At most 64 images"),
    ],
)
def test_decode_inputs_refuses(inputs, message):
    with pytest.raises(InputError, match=message):
        pictures = decode_inputs(inputs)
        # A path that happens to be base64 decodes to bytes, which are then no image: never a file that is opened.
        from aletheia.imaging.reading import read_image

        read_image(pictures[0])


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4)),
        np.zeros((0, 4, 3)),
        np.zeros((4, 4, 4), np.uint8),
        np.full((2, 2, 3), 300),
        np.ones((2, 2, 3)) / 2,
    ],
    ids=["grey", "empty", "rgba", "over 255", "float"],
)
def test_checked_pixels_refuses(array):
    with pytest.raises(InputError):
        checked_pixels(array)


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["datatype", "shape", "data"]), x),
        max_leaves=8,
    )
)
def test_decode_inputs_any_request(item):
    try:
        pictures = decode_inputs([item])
    except InputError:
        return
    assert all(isinstance(picture, bytes | np.ndarray) for picture in pictures)


def test_encode_outputs_shapes():
    face = FaceScore((1.0, 2.0, 3.0, 4.0), 0.9, 0.75, "cannot tell", "too small")
    answers = [
        Prediction("no face found", None, reason="none"),
        Prediction("cannot tell", 0.75, (face, face), "too small"),
    ]
    tensors = {tensor["name"]: tensor for tensor in encode_outputs(answers)}
    for tensor in tensors.values():
        assert len(tensor["data"]) == np.prod(tensor["shape"])
    assert tensors["image"]["data"] == [1, 1]
    assert tensors["verdict"]["data"] == ["no face found", "cannot tell"]
    assert tensors["reason"]["data"] == ["none", "too small"]
    assert tensors["face_verdict"]["data"] == ["cannot tell"] * 2
    assert tensors["face_reason"]["data"] == ["too small"] * 2
    assert tensors["fake_probability"]["data"] == [0.75, 0.75]


def test_decode_inputs_max_bytes():
    content = bytes(2000)
    with pytest.raises(InputError, match="more than 1000 bytes"):
        decode_inputs([base64.b64encode(content).decode()], max_bytes=1000)
    assert decode_inputs([base64.b64encode(content).decode()], max_bytes=2000) == [content]


def test_decode_inputs_memory():
    """NumPy would make each number as long as the text: 80 kB would become 800 MB."""
    data = ["A" * 20_000, *[0] * 10_000]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="whole numbers"):
        decode_inputs([{"datatype": "UINT8", "data": data}])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_decode_inputs_error_length():
    for datatype in ("x" * 1_000_000, ["x"] * 1_000_000, {"x" * 1_000_000: 1}):
        with pytest.raises(InputError) as error:
            decode_inputs([{"datatype": datatype, "data": [1]}])
        assert len(str(error.value)) < 500
    InputError("x" * 1_000_000)
    assert max(map(len, InputError.raised)) < 5000
