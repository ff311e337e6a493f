"""Bundles in a bucket, against a real server: what is fetched, what is asked, and what is refused."""

from __future__ import annotations

import contextlib
import shutil

import pytest

from aletheia.core.errors import InputError
from aletheia.models.model_files import ONNX, SPEC, WEIGHTS
from aletheia.models.spec import read_spec
from aletheia.release.bucket_bundles import fetch_bundle

from ..bucket_server import Line, bucket_server, forget, use
from ..lifecycle_factories import write_bundle
from ..model_factories import write_random_bundle

pytestmark = pytest.mark.slow  # MLRun is imported


@pytest.fixture
def line(tmp_path, monkeypatch):
    """A line to a server of the buckets ``models``, with a bundle, and ``other``; this process reaches it over that."""
    line_folder = tmp_path / "served"
    _, spec = write_bundle(line_folder / "models" / "v1.0.0" / "detector")
    write_bundle(line_folder / "other" / "bundle")
    with contextlib.ExitStack() as server:
        line = Line(server.enter_context(bucket_server(line_folder, is_watched=True)))
        line.end_server = server.close
        line.folder, line.weights = line_folder / "models" / "v1.0.0" / "detector", spec.weights_sha256[:32]
        use(monkeypatch, line.port, tmp_path / "cache")
        yield line
        line.close()
    monkeypatch.undo()
    forget()


URL = "s3://models/v1.0.0/detector"


@pytest.mark.parametrize("url", [URL, f"{URL}/", f"{URL}/{WEIGHTS}", f"{URL}/{SPEC}"])
def test_folder_and_file_name_the_bundle(line, url):
    folder = fetch_bundle(url, weights=line.weights)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        file.name: file.read_bytes() for file in line.folder.iterdir()
    }


def test_a_whole_copy_of_a_registered_bundle_needs_no_server(line):
    folder = fetch_bundle(URL)
    before = line.received
    line.end_server()
    forget()  # another process
    assert fetch_bundle(URL, weights=line.weights, ask=False) == folder and line.received == before
    for asked in ({"weights": line.weights}, {"ask": False}):  # asked all the same: by whoever decides; nothing noted
        with pytest.raises(InputError, match=r"s3://models/v1\.0\.0/detector: the server .* does not answer"):
            fetch_bundle(URL, **asked)
    (folder / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(InputError, match="does not answer"):
        fetch_bundle(URL, weights=line.weights, ask=False)


@pytest.mark.parametrize("ask", [True, False])
@pytest.mark.parametrize("content", [b"damaged", None, b"as long as before"], ids=["short", "gone", "same size"])
def test_a_copy_that_was_damaged_here_is_fetched_again(line, ask, content):
    folder = fetch_bundle(URL)
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).unlink()
    if content is not None:
        (folder / WEIGHTS).write_bytes(content[: len(whole)])
    assert (fetch_bundle(URL, weights=line.weights, ask=ask) / WEIGHTS).read_bytes() == whole


def test_what_is_damaged_in_the_bucket_is_refused_and_not_fetched_again_and_again(line):
    (line.folder / WEIGHTS).write_bytes(bytes(200_000))
    for received in (400_000, 20_000):
        before = line.received
        with pytest.raises(InputError, match=rf"^{URL}: .*{WEIGHTS} is not the file that {SPEC} describes"):
            fetch_bundle(URL, weights=line.weights, ask=False)
        assert line.received - before < received


def test_without_weights_only_where_nobody_registered_it_and_it_has_the_network_as_onnx(line):
    weights = read_spec(write_random_bundle(line.folder, seed=4)).weights_sha256
    (line.folder / WEIGHTS).unlink()
    folder = fetch_bundle(URL)
    assert (folder / ONNX).is_file() and not (folder / WEIGHTS).exists()
    with pytest.raises(InputError, match=f"There is no {WEIGHTS}"):
        fetch_bundle(URL, weights=weights[:32])
    (line.folder / ONNX).write_bytes(b"damaged")
    with pytest.raises(InputError, match=f"There is no {WEIGHTS}"):
        fetch_bundle(URL)


def test_other_weights_than_those_registered_are_refused(line):
    fetch_bundle(URL)
    shutil.rmtree(line.folder)
    write_bundle(line.folder)
    with pytest.raises(InputError, match=r"were registered: it was replaced"):
        fetch_bundle(URL, weights=line.weights)
    forget()
    with pytest.raises(InputError, match=r"were registered: it was replaced"):  # nor is the new copy taken as it is
        fetch_bundle(URL, weights=line.weights, ask=False)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://models/v9", "there is no object and no folder of that name"),
        ("s3://models/v1.0.0", "there is no model; it needs model.safetensors and model.json"),
        ("s3://nobody/v1", "there is no bucket nobody"),
    ],
)
def test_what_is_no_bundle(line, url, message):
    with pytest.raises(InputError, match=message):
        fetch_bundle(url)


def test_credentials(line, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-word")
    forget()
    with pytest.raises(InputError, match=rf"{URL}: the server .* refused the credentials\. Check AWS_ACCESS_KEY_ID"):
        fetch_bundle(URL)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    forget()
    with pytest.raises(InputError, match=rf"{URL}: no credentials for the server .* Set AWS_ACCESS_KEY_ID"):
        fetch_bundle(URL)
