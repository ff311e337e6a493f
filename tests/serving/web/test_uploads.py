"""Store of uploads: each file is used once, deleted in time, and counted."""

from __future__ import annotations

import io
import threading

import pytest

from aletheia.core.errors import InputError
from aletheia.inference.errors import RequestError
from aletheia.serving.uploads import Upload
from aletheia.serving.web.uploads import UploadStore


def upload(data: bytes = b"x") -> Upload:
    return Upload(io.BytesIO(data), len(data))


def test_upload_store_claims_and_takes_once():
    uploads, file = UploadStore(capacity=9), upload(b"abc")
    token = uploads.keep(file)
    assert file.taken and uploads.size() == 3
    with pytest.raises(InputError, match="did not arrive"), uploads.taken(token):
        pass  # not claimed yet
    assert uploads.claim(token) and not uploads.claim(token)
    uploads.expire(token)  # no effect: it was claimed
    with uploads.taken(token) as taken:
        assert taken.read() == b"abc" and uploads.size() == 3
        uploads.discard(token)  # no effect: it was taken
        assert taken.read() == b"abc"
    assert file.file.closed and uploads.size() == 0
    with pytest.raises(InputError, match="did not arrive"), uploads.taken(token):
        pass


def test_upload_store_deletes():
    uploads, early, late, left = UploadStore(capacity=9), upload(), upload(), upload()
    token = uploads.keep(early)
    uploads.discard(token)  # no effect: it was not claimed
    assert not early.file.closed
    uploads.expire(token)
    assert early.file.closed and not uploads.claim(token)
    token = uploads.keep(late)
    assert uploads.claim(token)
    uploads.discard(token)
    assert late.file.closed and uploads.size() == 0
    uploads.keep(left)
    uploads.close()
    assert left.file.closed and uploads.size() == 0


def test_upload_store_replaces_stale():
    """Otherwise a client that sends files and does nothing with them would keep all others out."""
    uploads, first, claimed_file = UploadStore(capacity=2, claim_timeout=0), upload(), upload()
    uploads.keep(first)
    claimed = uploads.keep(claimed_file)
    assert uploads.claim(claimed)
    uploads.keep(upload(b"new"))
    assert first.file.closed and not claimed_file.file.closed and uploads.size() == 4


def test_upload_store_capacity():
    uploads = UploadStore(capacity=2)
    tokens = [uploads.keep(upload()) for _ in range(2)]
    assert len(set(tokens)) == 2 and uploads.claim(tokens[0])
    refused = upload()
    with pytest.raises(RequestError, match="try again") as busy, refused.file:
        uploads.keep(refused)
    assert busy.value.kind == "busy" and not refused.taken and uploads.size() == 2
    uploads.discard(tokens[0])
    uploads.keep(upload())


def test_upload_store_threads():
    uploads, wrong = UploadStore(capacity=1000), []

    def churn() -> None:
        try:
            for _ in range(500):
                token = uploads.keep(upload(b"x" * 10))
                assert uploads.size() >= 10 and uploads.claim(token)
                with uploads.taken(token):
                    pass
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=churn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and uploads.size() == 0
