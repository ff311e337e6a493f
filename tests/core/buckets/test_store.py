"""The server of buckets: its name without secrets, and its errors as sentences."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aletheia.core.buckets import store
from aletheia.core.buckets.addresses import Address
from aletheia.core.errors import InputError

from ...bucket_server import Line, bucket_server, forget, use


def test_server_name_holds_no_secrets(monkeypatch):
    names = {}
    for url in ("", "https://minio.example", "http://user:word@minio.example:9000/path?token=word"):
        monkeypatch.setenv(store.ENDPOINT, url)
        names[store.server_name()] = store.server_key()
    assert list(names) == ["Amazon S3", "minio.example", "minio.example:9000"]
    assert len(set(names.values())) == 3  # buckets of one name at two servers are two


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("NoSuchBucket", "there is no bucket faces at minio.example. Create it"),
        ("NoSuchKey", "there is no such object at minio.example"),
        ("404", "there is no such object"),
        ("412", "was changed while it was fetched"),
        ("AccessDenied", "refused the credentials. Check AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", "refused the credentials"),
        ("403", "refused the credentials"),
        ("SlowDown", "the server at minio.example answered SlowDown"),
        ("", "answered with an error"),
    ],
)
def test_errors_of_the_server_are_sentences(code, text, monkeypatch):
    """What a server writes beside the code, such as the text that was signed, is not repeated."""
    from botocore.exceptions import ClientError

    monkeypatch.setenv(store.ENDPOINT, "https://minio.example")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    answer = {"Error": {"Code": code, "Message": "a signed word"}}
    with pytest.raises(InputError) as refused, store.explained(Address("faces", "a.jpg")):
        raise ClientError(answer, "GetObject")
    assert text in str(refused.value) and "s3://faces/a.jpg" in str(refused.value)
    assert "word" not in str(refused.value) and refused.value.__suppress_context__


@pytest.mark.parametrize("code", ["AccessDenied", "403", "400"])
def test_a_refusal_where_there_are_no_credentials_says_so(code, monkeypatch, tmp_path):
    """MLRun then asks without; rclone answers that with 400."""
    from botocore.exceptions import ClientError

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    message = "no credentials for the server .* Set AWS_ACCESS_KEY_ID"
    with pytest.raises(InputError, match=message), store.explained(Address("faces", "a.jpg")):
        raise ClientError({"Error": {"Code": code}}, "GetObject")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(InputError) as refused, store.explained(Address("faces", "a.jpg")):
        raise ClientError({"Error": {"Code": code}}, "GetObject")
    assert "no credentials" not in str(refused.value)


def test_errors_of_the_connection_are_sentences():
    from botocore.exceptions import EndpointConnectionError, NoCredentialsError

    for error, text in (
        (EndpointConnectionError(endpoint_url="http://user:word@host"), "does not answer"),
        (NoCredentialsError(), "no credentials for the server"),
        (ConnectionResetError("word"), "does not answer"),
    ):
        with pytest.raises(InputError, match=text) as refused, store.explained(Address("faces")):
            raise error
        assert "word" not in str(refused.value)


def test_an_address_without_a_scheme_is_named(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "minio.example:9000")
    store.client.cache_clear()
    with pytest.raises(InputError, match=r"s3://bucket/: AWS_ENDPOINT_URL_S3 is no address of a server.* http://"):
        store.check_bucket(Address("bucket"))
    store.client.cache_clear()


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"install the packages of aletheia\[s3\]"), store.explained("s3://faces"):
        pass


def test_checksums_of_parts_are_not_demanded():
    """In a process that has done nothing but import: the server of the other tests sends those of whole objects."""
    code = "import aletheia.project.run_config, os; print(os.environ['AWS_RESPONSE_CHECKSUM_VALIDATION'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "when_required\n"


@pytest.mark.slow
def test_a_transfer_that_breaks_off_is_tried_again(tmp_path, monkeypatch):
    """Of what came before nothing is left in the file."""
    content = bytes(range(256)) * 8000
    (tmp_path / "served" / "faces").mkdir(parents=True)
    (tmp_path / "served" / "faces" / "a.jpg").write_bytes(content)
    address = Address("faces", "a.jpg")
    with bucket_server(tmp_path / "served") as port:
        line = Line(port)
        use(monkeypatch, line.port, tmp_path / "cache")
        line.break_after = 1_000_000
        store.receive(address, tmp_path / "a.jpg")
        assert line.breaks == 1 and (tmp_path / "a.jpg").read_bytes() == content
        line.break_after = 1_000_000
        assert store.read_part(address, 1000, 2_000_000) == content[1000:2_001_000] and line.breaks == 2
        line.close()
    forget()
