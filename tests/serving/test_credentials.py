"""Content credentials: pictures signed here, and what is made to hurt a reader."""

from __future__ import annotations

import http.server
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import c2pa
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.serving.config import ServeConfig
from aletheia.serving.credentials import credentials_of, read_anchors
from aletheia.serving.decoding import Decoder
from aletheia.serving.provenance import provenance_of, read_provenance

from .signing import CREATED, Signatory

MIME = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif", "TIFF": "image/tiff"}


def picture(kind: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def signatory() -> Signatory:
    return Signatory()


@pytest.fixture(scope="module")
def signed(signatory) -> bytes:
    return signatory.sign(picture(), "image/jpeg", CREATED)


@pytest.mark.parametrize("kind", MIME)
def test_a_signed_picture(signatory, kind):
    data = signatory.sign(picture(kind), MIME[kind], CREATED, {"action": "c2pa.color_adjustments"})
    found = provenance_of(data)["c2pa"]
    assert found == {
        "valid": True,
        "trusted": False,
        "issuer": "Example Cameras",
        "generator": "Example Camera App 1.2",
        "when": "",
        "actions": [
            "created by Painter 3: made by generative AI, 2024-05-06T07:08:09Z",
            "color adjustments by Example Camera App 1.2",
        ],
        "problems": ["the signer is on no list of trusted ones here: its name is no more than a claim"],
    }
    assert provenance_of(picture(kind))["c2pa"] is None


def test_a_signed_video(signatory, write_video, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    plain = write_video(tmp_path / "plain.mp4", list(frames)).read_bytes()
    path = tmp_path / "signed.mp4"
    path.write_bytes(signatory.sign(plain, "video/mp4", CREATED))
    found = provenance_of(path)
    assert found["c2pa"]["valid"] and found["c2pa"]["actions"][0].startswith("created by Painter 3")
    assert found == provenance_of(path.read_bytes())
    assert provenance_of(plain) == {"exif": [], "c2pa": None, "software": []}


def test_a_signer_that_is_known_is_trusted(signatory, signed):
    found = read_provenance(signed, signatory.anchors).c2pa
    assert found["valid"] and found["trusted"] and not found["problems"]
    other = read_provenance(signed, Signatory().anchors).c2pa
    assert other["valid"] and not other["trusted"] and "no list" in other["problems"][0]


@pytest.mark.parametrize("known", [True, False])
def test_a_decoder_trusts_whom_it_was_told_to(signatory, signed, tmp_path, known):
    (tmp_path / "anchors.pem").write_text(signatory.anchors)
    config = ServeConfig(workers=1, trust_anchors=read_anchors(tmp_path / "anchors.pem") if known else "")
    decoder = Decoder.of(config)
    try:
        found = decoder.provenance(signed)["c2pa"]
    finally:
        decoder.close()
    assert found["valid"] and found["trusted"] is known


@pytest.mark.parametrize("content", [b"no certificate", b"\xff", b"", None])
def test_a_file_without_certificates_is_named(tmp_path, content, bundle):
    file = tmp_path / "anchors.pem"
    if content is not None:
        file.write_bytes(content)
    result = CliRunner().invoke(app, ["serve", "--model", str(bundle), "--trust-anchors", str(file), "--port", "0"])
    assert isinstance(result.exception, InputError) or result.exit_code == 2
    told = f"{result.exception} {result.output}"
    assert str(file) in told and ("hold no certificates" if content is not None else "cannot be read") in told


def test_a_picture_that_was_changed_after_it_was_signed(signed):
    broken = bytearray(signed)
    broken[-40] ^= 1  # among the pixels
    found = provenance_of(bytes(broken))["c2pa"]
    assert not found["valid"] and not found["trusted"]
    assert "the file was changed after it was signed" in found["problems"]
    place = signed.index(b"Painter")
    broken = signed[:place] + b"Printer" + signed[place + 7 :]
    assert not provenance_of(broken)["c2pa"]["valid"]


def test_what_a_picture_was_made_of_is_told_first(signatory, signed):
    edited = signatory.sign(signed, "image/jpeg", {"action": "c2pa.edited"}, edited=True)
    found = provenance_of(edited)["c2pa"]
    assert found["valid"]
    assert [line.split(" by ")[0] for line in found["actions"]] == ["created", "opened", "edited"]
    assert "generative AI" in found["actions"][0]


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """Address of a server on loopback, and what it was asked for."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/manifest.c2pa", paths
    server.shutdown()
    server.server_close()


def test_no_file_makes_the_server_ask_an_address(signatory, asked):
    """Bytes of strangers may name any address, one of the server's own network too."""
    url, paths = asked
    data = signatory.sign(picture(), "image/jpeg", CREATED, url=url)
    found = provenance_of(data)["c2pa"]
    assert not found["valid"] and "kept elsewhere" in found["problems"][0]
    assert paths == []
    with pytest.raises(c2pa.C2paError):  # the library by itself would have asked
        c2pa.Reader("image/jpeg", io.BytesIO(data))
    assert paths == ["/manifest.c2pa"]


def test_damaged_manifests_are_survived(signed, damaged):
    states = set()
    for piece in damaged(signed, np.random.default_rng(0)):
        found = provenance_of(piece)["c2pa"]
        json.dumps(found, allow_nan=False)
        states.add(None if found is None else found["valid"])
    assert {None, False} <= states


def test_a_manifest_of_other_types_than_it_should_have(monkeypatch, signed):
    """The library promises no schema: whatever it gives, people get words."""
    strange = [None, [], {}, {"manifests": []}, {"manifests": {"a": 3}, "active_manifest": "a"}]
    entry = {"signature_info": 4, "claim_generator_info": [None, 3, {"name": ["x"]}], "assertions": [None, 4, {}]}
    strange.append({"manifests": {"a": entry}, "active_manifest": "a", "validation_status": [None, {"code": 3}]})
    entry = {"assertions": [{"label": "c2pa.actions", "data": {"actions": [None, {"action": 4, "when": {}}]}}]}
    strange.append({"manifests": {"a": entry}, "active_manifest": ["a"], "validation_state": {}})
    for store in strange:
        monkeypatch.setattr(c2pa.Reader, "json", lambda self, store=store: json.dumps(store))
        found = credentials_of(signed)
        assert found["valid"] is False and isinstance(found["problems"], list)


def test_it_is_read_without_torch(signed, tmp_path):
    (tmp_path / "signed.jpg").write_bytes(signed)
    code = (
        "import sys\n"
        "from aletheia.serving.provenance import provenance_of\n"
        "assert provenance_of(sys.argv[1])['c2pa']['valid']\n"
        "print({'torch', 'mlrun', 'pandas', 'openvino'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "signed.jpg")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "set()"
