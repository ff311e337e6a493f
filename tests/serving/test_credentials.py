"""Content credentials: of pictures signed here, and of files made to harm a reader."""

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
from aletheia.serving.credentials import read_anchors, read_credentials
from aletheia.serving.decoding import Decoder
from aletheia.serving.provenance import read_provenance

from ..waiting import PATIENCE
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
def test_read_credentials_signed_picture(signatory, kind):
    data = signatory.sign(picture(kind), MIME[kind], CREATED, {"action": "c2pa.color_adjustments"})
    credentials = read_provenance(data).to_dict()["c2pa"]
    assert credentials == {
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
    assert read_provenance(picture(kind)).to_dict()["c2pa"] is None


def test_read_credentials_signed_video(signatory, write_video, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    plain = write_video(tmp_path / "plain.mp4", list(frames)).read_bytes()
    path = tmp_path / "signed.mp4"
    path.write_bytes(signatory.sign(plain, "video/mp4", CREATED))
    credentials = read_provenance(path).to_dict()
    assert credentials["c2pa"]["valid"] and credentials["c2pa"]["actions"][0].startswith("created by Painter 3")
    assert credentials == read_provenance(path.read_bytes()).to_dict()
    assert read_provenance(plain).to_dict() == {"exif": [], "c2pa": None, "software": []}


def test_read_credentials_trusted_signer(signatory, signed):
    credentials = read_provenance(signed, signatory.anchors).c2pa
    assert credentials["valid"] and credentials["trusted"] and not credentials["problems"]
    other = read_provenance(signed, Signatory().anchors).c2pa
    assert other["valid"] and not other["trusted"] and "no list" in other["problems"][0]


@pytest.mark.parametrize("is_trusted", [True, False])
def test_decoder_trust_anchors(signatory, signed, tmp_path, is_trusted):
    (tmp_path / "anchors.pem").write_text(signatory.anchors)
    config = ServeConfig(workers=1, trust_anchors=read_anchors(tmp_path / "anchors.pem") if is_trusted else "")
    decoder = Decoder.from_config(config)
    try:
        credentials = decoder.provenance(signed)["c2pa"]
    finally:
        decoder.close()
    assert credentials["valid"] and credentials["trusted"] is is_trusted


@pytest.mark.parametrize("content", [b"no certificate", b"\xff", b"", None])
def test_read_anchors_refuses(tmp_path, content, bundle):
    file = tmp_path / "anchors.pem"
    if content is not None:
        file.write_bytes(content)
    result = CliRunner().invoke(app, ["serve", "--model", str(bundle), "--trust-anchors", str(file), "--port", "0"])
    assert isinstance(result.exception, InputError) or result.exit_code == 2
    output = f"{result.exception} {result.output}"
    assert str(file) in output and ("hold no certificates" if content is not None else "cannot be read") in output


def test_read_credentials_changed_file(signed):
    broken = bytearray(signed)
    broken[-40] ^= 1  # among the pixels
    credentials = read_provenance(bytes(broken)).to_dict()["c2pa"]
    assert not credentials["valid"] and not credentials["trusted"]
    assert "the file was changed after it was signed" in credentials["problems"]
    position = signed.index(b"Painter")
    broken = signed[:position] + b"Printer" + signed[position + 7 :]
    assert not read_provenance(broken).to_dict()["c2pa"]["valid"]


def test_read_credentials_ingredients_first(signatory, signed):
    edited = signatory.sign(signed, "image/jpeg", {"action": "c2pa.edited"}, edited=True)
    credentials = read_provenance(edited).to_dict()["c2pa"]
    assert credentials["valid"]
    assert [line.split(" by ")[0] for line in credentials["actions"]] == ["created", "opened", "edited"]
    assert "generative AI" in credentials["actions"][0]


@pytest.fixture
def recording_server() -> Iterator[tuple[str, list[str]]]:
    """Run a server on loopback; its address, and the paths that were requested."""
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


def test_read_credentials_requests_no_address(signatory, recording_server):
    """A file may name any address, including those of the server's own network."""
    url, paths = recording_server
    data = signatory.sign(picture(), "image/jpeg", CREATED, url=url)
    credentials = read_provenance(data).to_dict()["c2pa"]
    assert not credentials["valid"] and "kept elsewhere" in credentials["problems"][0]
    assert paths == []
    with pytest.raises(c2pa.C2paError):  # with its default settings the library requests it
        c2pa.Reader("image/jpeg", io.BytesIO(data))
    assert paths == ["/manifest.c2pa"]


def test_read_credentials_damaged(signed, damaged):
    states = set()
    for piece in damaged(signed, np.random.default_rng(0)):
        credentials = read_provenance(piece).to_dict()["c2pa"]
        json.dumps(credentials, allow_nan=False)
        states.add(None if credentials is None else credentials["valid"])
    assert {None, False} <= states


def test_read_credentials_unexpected_types(monkeypatch, signed):
    """The library guarantees no schema, so any JSON must give a readable result."""
    strange = [None, [], {}, {"manifests": []}, {"manifests": {"a": 3}, "active_manifest": "a"}]
    entry = {"signature_info": 4, "claim_generator_info": [None, 3, {"name": ["x"]}], "assertions": [None, 4, {}]}
    strange.append({"manifests": {"a": entry}, "active_manifest": "a", "validation_status": [None, {"code": 3}]})
    entry = {"assertions": [{"label": "c2pa.actions", "data": {"actions": [None, {"action": 4, "when": {}}]}}]}
    strange.append({"manifests": {"a": entry}, "active_manifest": ["a"], "validation_state": {}})
    for store in strange:
        monkeypatch.setattr(c2pa.Reader, "json", lambda self, store=store: json.dumps(store))
        credentials = read_credentials(signed)
        assert credentials["valid"] is False and isinstance(credentials["problems"], list)


def test_read_credentials_imports(signed, tmp_path):
    (tmp_path / "signed.jpg").write_bytes(signed)
    code = (
        "import sys\n"
        "from aletheia.serving.provenance import read_provenance\n"
        "assert read_provenance(sys.argv[1]).to_dict()['c2pa']['valid']\n"
        "print({'torch', 'mlrun', 'pandas', 'openvino'} & set(sys.modules))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "signed.jpg")], capture_output=True, text=True, timeout=PATIENCE
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == "set()"
