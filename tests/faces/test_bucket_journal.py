"""The journal of an extraction in buckets, on a server of buckets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.mirror import local_copy, open_mirror
from aletheia.faces.bucket_journal import BucketJournal
from aletheia.faces.face import Face
from aletheia.faces.journal import FaceCrop, FileResult

from ..bucket_server import bucket_server, forget, use

CROPS = Address("runs", "faces")
SOURCES = [Address("faces", f"{k}.jpg") for k in range(3)]


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The folder of the buckets, with three sources that are fetched and the crops of the first two."""
    folder = tmp_path / "served"
    for name in ("faces", "runs/faces"):
        (folder / name).mkdir(parents=True)
    for k in range(3):
        (folder / "faces" / f"{k}.jpg").write_bytes(b"picture" * (k + 1))
    for k in range(2):
        (folder / "runs" / "faces" / f"{k}.png").write_bytes(b"crop")
    with bucket_server(folder, is_watched=True) as port:
        use(monkeypatch, port, tmp_path / "cache")
        local_copy("s3://faces")
        yield folder
    forget()


def result(k: int, time: float = math.nan) -> FileResult:
    face = Face(np.arange(4, dtype=np.float32) + k, np.ones((6, 2), np.float32), 0.5)
    return FileResult([FaceCrop(str(open_mirror().local(CROPS) / f"{k}.png"), face, 0, time)], "", "full")


def journal(key: bytes = b"settings", *, results: tuple[FileResult, ...] = ()) -> BucketJournal:
    opened = BucketJournal(CROPS, key)
    for source, each in zip(SOURCES, results, strict=False):
        opened.add(source, each)
    opened.close()
    return opened


def test_results_are_found_by_another_run(served):
    journal(results=(result(0), result(1, time=2.5), FileResult([], "no face found", "full")))
    assert len(list(served.rglob("*.jsonl"))) == 1  # not one request a file
    first, second, third = map(journal().find, SOURCES)
    assert (first.faces[0].crop, second.faces[0].time) == (result(0).faces[0].crop, 2.5)
    np.testing.assert_array_equal(second.faces[0].face.box, [1, 2, 3, 4])
    assert (third.faces, third.reason) == ([], "no face found")
    assert [journal(b"others").find(source) for source in SOURCES] == [None] * 3


def test_parts_add_up(served):
    journal(results=(result(0),))
    opened = BucketJournal(CROPS, b"settings")
    opened.add(SOURCES[1], result(1))
    opened.close()
    assert len(list(served.rglob("*.jsonl"))) == 2
    assert [bool(found) for found in map(journal().find, SOURCES)] == [True, True, False]


def test_what_changed_is_not_finished(served):
    """A source of another content, and a crop that was deleted or is empty."""
    journal(results=(result(0), result(1), FileResult([], "no face found", "full")))
    (served / "faces" / "2.jpg").write_bytes(b"another")
    local_copy("s3://faces")
    (served / "runs" / "faces" / "0.png").unlink()
    (served / "runs" / "faces" / "1.png").write_bytes(b"")
    assert [journal().find(source) for source in SOURCES] == [None] * 3


def test_damaged_parts_are_done_again(served):
    journal(results=(result(0), result(1)))
    (part,) = served.rglob("*.jsonl")
    part.write_bytes(part.read_bytes()[:-20] + b"\xff\n" + b"[" * 90)
    assert [bool(found) for found in map(journal().find, SOURCES)] == [True, False, False]
