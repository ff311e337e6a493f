"""Parsing of JSON bodies, and of the wishes beside a file."""

from __future__ import annotations

import base64
import json
import time
import tracemalloc

import pytest

from aletheia.inference.errors import RequestError
from aletheia.inference.options import PredictOptions
from aletheia.serving.uploads import parse_json, parse_options, picture_from_json


@pytest.mark.parametrize("part", [b"[],", b"{},", b"0,", b'"",'])
def test_parse_json_refuses_too_many_values(part):
    content = b'{"inputs": [' + part * 5_000_000 + b"0]}"
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(RequestError, match="base64") as refused:
        parse_json(content)
    assert (refused.value.kind, refused.value.status) == ("too_large", 413)
    assert time.process_time() - began < 5
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_parse_json_megapixel():
    values = parse_json(b'{"data": [' + b"7," * 2_999_999 + b"7]}")["data"]
    assert len(values) == 3_000_000 and set(values) == {7}


def test_parse_options_of_forms_and_json():
    assert parse_options({}) == parse_options({"threshold": "", "frames": "3"}) == PredictOptions()
    wanted = PredictOptions(0.25, use_calibration=False, crops=True)
    assert parse_options({"threshold": "0.25", "use_calibration": "False", "crops": "1"}) == wanted
    assert parse_options({"threshold": 0.25, "use_calibration": False, "crops": True}) == wanted


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"threshold": "high"}, "threshold is 'high'"),
        ({"threshold": "1.5"}, "from 0 to 1"),
        ({"threshold": "nan"}, "from 0 to 1"),
        ({"threshold": True}, "must be a number"),
        ({"threshold": [1]}, "must be a number"),
        ({"use_calibration": "maybe"}, "true or false"),
        ({"crops": {}}, "true or false"),
    ],
)
def test_parse_options_refuses(fields, message):
    with pytest.raises(RequestError, match=message) as refused:
        parse_options(fields)
    assert refused.value.status == 400


def test_picture_from_json_with_options_and_line_breaks():
    text = base64.encodebytes(bytes(100)).decode()
    content = json.dumps({"image": text, "use_calibration": False}).encode()
    assert picture_from_json(content) == (bytes(100), PredictOptions(use_calibration=False))
    with pytest.raises(RequestError, match=r"'path'.*threshold, use_calibration, crops"):
        picture_from_json(json.dumps({"image": text, "path": "/etc/passwd"}).encode())
