"""Property tests: mutated files, JSON of any shape, forms and requests out of random pieces (hypothesis).

``ALETHEIA_FUZZ_EXAMPLES`` sets the examples of each, 60 by default; with thousands they are a fuzzer.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ...waiting import PATIENCE
from .builders import encoded, exif, png, tiff, with_exif
from .conftest import REFUSALS

EXAMPLES = int(os.environ.get("ALETHEIA_FUZZ_EXAMPLES", "60"))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
EITHER = (200, *REFUSALS)


@pytest.fixture(scope="module")
def seeds(portraits, clip) -> list[bytes]:
    """Return valid files of every format that is read."""
    small = portraits[0][0][::4, ::4].copy()
    files = [encoded(small, kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")]
    files += [encoded(small, progressive=True), with_exif(encoded(small), exif([(0x0112, 3, 1, b"\0\6")]))]
    return [*files, png(16, 16), tiff(64, 64), clip]


@st.composite
def mutations(draw, files: list[bytes]) -> bytes:
    """Draw a valid file in which a few places were overwritten, removed, doubled or taken from another one."""
    data = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, 6))):
        # Headers are short and matter most.
        place = draw(st.integers(0, min(200, len(data))) | st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        match draw(st.sampled_from(["overwrite", "remove", "double", "graft", "flip", "huge"])):
            case "overwrite":
                data[place : place + length] = draw(st.binary(max_size=40))
            case "remove":
                del data[place : place + length]
            case "double":
                data[place:place] = data[place : place + length] * draw(st.integers(1, 50))
            case "graft":
                other = draw(st.sampled_from(files))
                start = draw(st.integers(0, len(other)))
                data[place:place] = other[start : start + draw(st.integers(0, 2000))]
            case "flip" if place < len(data):
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "huge":
                data[place : place + 4] = draw(
                    st.sampled_from([b"\xff" * 4, b"\x7f" + b"\xff" * 3, bytes(4), b"\x80\0\0\0"])
                )
    return bytes(data)


@pytest.mark.slow
@fuzz
@given(data=st.data())
def test_predict_mutated_files(target, seeds, data):
    content = data.draw(mutations(seeds))
    target.check(target.upload(content, data.draw(st.sampled_from(["a.jpg", "a.mp4", "a"]))), EITHER)


@pytest.mark.slow
@fuzz
@given(
    magic=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"RIFF1234WEBP"]),
    rest=st.binary(max_size=400),
)
def test_predict_random_bytes(target, magic, rest):
    target.check(target.upload(magic + rest), EITHER)


@pytest.mark.slow
@fuzz
@given(
    magic=st.sampled_from([b"\0\0\0\x20ftypisom", b"\0\0\0\x08moov", b"\x1a\x45\xdf\xa3", b"RIFF1234AVI LIST"]),
    rest=st.binary(max_size=400),
)
def test_predict_random_videos(target, magic, rest):
    target.check(target.upload(magic + rest, "clip.mp4"), EITHER)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["AAAA", "/9j/", "data:,"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["image", "inputs", "data", "shape", "datatype", "id", "name", "model", "operation", "path"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
tensor = st.fixed_dictionaries(
    {},
    optional={
        "name": anything,
        "datatype": st.sampled_from(["BYTES", "UINT8", "INT64", "FP32", "", "bytes"]) | anything,
        "shape": st.lists(st.integers(-2, 9) | st.just(2**40), max_size=5) | anything,
        "data": st.lists(st.integers(-300, 300) | st.text(max_size=9), max_size=30) | anything,
        "parameters": anything,
    },
)


@fuzz
@pytest.mark.slow
@given(body=anything)
def test_predict_any_json(target, body):
    response = target.client.post("/v1/predict", content=json.dumps(body), headers={"Content-Type": "application/json"})
    target.check(response, EITHER)


@fuzz
@given(
    inputs=st.lists(tensor | anything, max_size=4) | anything,
    more=st.dictionaries(st.text(max_size=9), anything, max_size=2),
)
def test_infer_any_tensors(target, inputs, more):
    body = json.dumps({**more, "inputs": inputs})
    path = f"/v2/models/{target.model}/infer"
    target.check(target.client.post(path, content=body, headers={"Content-Type": "application/json"}), EITHER)


@fuzz
@given(
    content=st.binary(max_size=60)
    | st.text(alphabet='{}[]",:0123456789.eE+-\\untrfalsimgpd ', max_size=60).map(str.encode)
)
def test_json_malformed(target, content):
    for path in ("/v1/predict", f"/v2/models/{target.model}/infer"):
        target.check(target.client.post(path, content=content, headers={"Content-Type": "application/json"}), EITHER)


pieces = st.sampled_from(
    [
        b"--x\r\n",
        b"--x--\r\n",
        b"--x",
        b"\r\n",
        b"\n",
        b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n',
        b'Content-Disposition: form-data; name="frames"\r\n',
        b"Content-Disposition: form-data\r\n",
        b"Content-Type: image/jpeg\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"\xff\xd8\xff",
        b"5",
        b"\0",
    ]
)


@fuzz
@given(parts=st.lists(pieces | st.binary(max_size=10), max_size=20))
def test_predict_random_forms(target, parts):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    target.check(target.client.post("/v1/predict", content=b"".join(parts), headers=headers), EITHER)


lines = st.sampled_from(
    [
        b"Content-Length: 5\r\n",
        b"Content-Length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Type: application/json\r\n",
        b"Content-Type: multipart/form-data; boundary=x\r\n",
        b"Connection: close\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
        b"Expect: 100-continue\r\n",
        b"Range: bytes=0-99999999\r\n",
        b"Authorization: Bearer \xff\r\n",
        b"Sec-Fetch-Site: cross-site\r\n",
        b"Host: [::1\r\n",
    ]
)


@fuzz
@given(
    method=st.sampled_from([b"GET", b"POST", b"DELETE", b"CONNECT", b""]),
    path=st.sampled_from([b"/v1/predict", b"/v1/jobs/x", b"/metrics", b"/", b"*", b"http://a/b"])
    | st.binary(max_size=20),
    head=st.lists(lines | st.binary(max_size=30).map(lambda part: part + b"\r\n"), max_size=5),
    body=st.binary(max_size=60),
)
def test_server_random_requests(target, method, path, head, body):
    address = (target.client.base_url.host, target.client.base_url.port)
    answer = b""
    with socket.create_connection(address, timeout=PATIENCE) as line:
        with contextlib.suppress(OSError):
            line.sendall(method + b" " + path + b" HTTP/1.1\r\n" + b"".join(head) + b"\r\n" + body)
            line.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while part := line.recv(65536):
                answer += part
    assert b"HTTP/1.1 5" not in answer and b"Traceback" not in answer, answer[:500]
