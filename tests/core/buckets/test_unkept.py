"""Objects that a worker reads once."""

from __future__ import annotations

from pathlib import Path

import pytest

from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.mirror import open_mirror
from aletheia.core.buckets.unkept import addresses, fetched
from aletheia.core.errors import InputError
from aletheia.core.shards import ShardWriter

from ...bucket_server import Line, bucket_server, forget, use


def test_addresses_of_files_of_the_mirror_alone(tmp_path):
    mirror = open_mirror()
    place = Address("faces", "real/ü.jpg")
    assert addresses([str(mirror.local(place))] * 2) == [place, place]
    assert addresses([str(mirror.local(place)), str(tmp_path / "a.jpg")]) is None
    assert addresses([]) == []


@pytest.mark.slow
def test_of_a_shard_only_the_member_is_fetched(tmp_path, monkeypatch):
    with ShardWriter(tmp_path / "served" / "faces", "faces") as writer:
        contents = {"a.png": b"first" * 200, "empty.png": b"", "b.png": b"second" * 300}
        paths = {name: Path(writer.write(name, content)) for name, content in contents.items()}
        writer.write("another.png", bytes(1_000_000))
    with bucket_server(tmp_path / "served") as port:
        line = Line(port)
        use(monkeypatch, line.port, tmp_path / "cache")
        mirror = open_mirror()
        local = [str(mirror.files / path.relative_to(tmp_path / "served")) for path in paths.values()]
        for source, (name, content) in zip(addresses(local), contents.items(), strict=True):
            with fetched(source) as file:
                assert file.suffix == ".png" and file.read_bytes() == content
            assert source.key.endswith(name)
        assert line.received < 100_000
        wrong = Address("faces", addresses(local)[2].key.replace("b.png", "c.png"))
        with pytest.raises(InputError, match=r"c\.png is not there"), fetched(wrong):
            pass
        line.close()
    forget()


@pytest.mark.slow
def test_fetched_objects_leave_nothing_behind(tmp_path, monkeypatch):
    (tmp_path / "served" / "faces").mkdir(parents=True)
    (tmp_path / "served" / "faces" / "a.b.JPG").write_bytes(b"a picture")
    with bucket_server(tmp_path / "served") as port:
        use(monkeypatch, port, tmp_path / "cache")
        with fetched(Address("faces", "a.b.JPG")) as file:
            assert file.suffix == ".JPG" and file.read_bytes() == b"a picture"
            assert list(file.parent.iterdir()) == [file]
        assert not file.parent.exists() and not list((tmp_path / "cache").rglob("*.JPG"))
        with pytest.raises(InputError, match="no such object"), fetched(Address("faces", "c.jpg")):
            pass
    forget()
