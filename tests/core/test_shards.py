"""Shards, against the standard library's reader of tars, and against hostile ones."""

from __future__ import annotations

import os
import resource
import tarfile
from pathlib import Path

import pytest

from aletheia.core import shards
from aletheia.core.files import stamped_path
from aletheia.core.shards import Member, ShardWriter, is_there, list_members, open_binary, parse_member, read_member
from aletheia.imaging.decoding import UnreadableImageError, load_bytes

FILES = {f"{k}.png": bytes([k]) * size for k, size in enumerate((1, 511, 512, 513, 0, 3000))}


def write(folder: Path, files: dict[str, bytes] = FILES, stem: str = "faces") -> dict[str, str]:
    with ShardWriter(folder, stem) as writer:
        return {name: writer.write(name, content) for name, content in files.items()}


def test_members_are_those_of_a_tar(tmp_path):
    paths = write(tmp_path)
    (shard,) = tmp_path.iterdir()
    with tarfile.open(shard) as tar:
        assert {member.name: tar.extractfile(member).read() for member in tar} == FILES
        assert {str(Member(str(shard), member.offset, member.name)) for member in tar} == set(paths.values())
    for name, content in FILES.items():
        assert read_member(parse_member(paths[name]), 10_000) == content
        with open_binary(paths[name]) as file:
            assert file.read() == content
    assert [str(member) for member in list_members(shard)] == list(paths.values())
    assert all(map(is_there, paths.values())) and is_there(shard)
    assert (
        not is_there(f"{shard}/512/0.png")
        and not is_there(tmp_path / "none-00000.tar/0/a.png")
        and not is_there(tmp_path)
    )


def test_equal_files_make_equal_shards(tmp_path):
    write(tmp_path / "a"), write(tmp_path / "b")
    first, second = (tmp_path / name / "faces-00000.tar" for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_next_shard_begins_when_one_is_full_or_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "MEMBERS", 2)
    paths = [Path(path).parts[-3] for path in write(tmp_path).values()]
    assert paths == [f"faces-0000{k // 2}.tar" for k in range(6)]
    monkeypatch.setattr(shards, "BYTES", 4096)
    paths = [Path(path).parts[-3] for path in write(tmp_path, {"a": bytes(2000), "b": bytes(2000)}).values()]
    assert paths == ["faces-00003.tar", "faces-00004.tar"]


def test_read_member_reads_no_more_than_the_limit(tmp_path):
    member = parse_member(write(tmp_path)["5.png"])
    assert len(read_member(member, 100)) == 101


@pytest.mark.parametrize(
    "path",
    [
        "a-00000.tar",
        "a-00000.tar/x/b.png",
        "a-00000.tar/1/",
        "a-00000.tar/1/b/c.png",
        "a-00000.tgz/1/b.png",
        "/1/b.png",
        "a.tar/1/b.png",
    ],
)
def test_other_paths_are_no_members(path):
    assert parse_member(path) is None


def test_what_a_killed_writer_left(tmp_path):
    """Whole members are read; the one that is cut off is none."""
    writer = ShardWriter(tmp_path, "faces")
    paths = [writer.write(name, content) for name, content in FILES.items()]
    (shard,) = tmp_path.iterdir()
    assert [str(member) for member in list_members(shard)] == paths  # nothing waits in a buffer
    shard.write_bytes(shard.read_bytes()[:-600])
    assert [str(member) for member in list_members(shard)] == paths[:-1]
    with pytest.raises(OSError, match="ends within it"):
        read_member(parse_member(paths[-1]), 10_000)
    assert write(tmp_path, {"a": b""})["a"].startswith(f"{tmp_path}/faces-00001.tar/")


def test_full_disk_leaves_whole_members(tmp_path):
    with ShardWriter(tmp_path, "faces") as writer:
        writer.write("a", bytes(1000))
        former = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, former[1]))
        try:
            with pytest.raises(OSError, match="large"):
                writer.write("b", bytes(4000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, former)
        writer.write("c", bytes(1000))
    with tarfile.open(tmp_path / "faces-00000.tar") as tar:
        assert tar.getnames() == ["a", "c"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(tarfile.SYMTYPE, "a.png"), (tarfile.XHDTYPE, "a.png"), (tarfile.CHRTYPE, "a.png"), (tarfile.REGTYPE, "b.png")],
)
def test_anything_but_a_plain_file_of_the_name_is_refused(tmp_path, kind, name):
    header = tarfile.TarInfo(name)
    header.type, header.linkname, header.size = kind, "/etc/passwd", 512
    shard = tmp_path / "x-00000.tar"
    shard.write_bytes(header.tobuf(tarfile.USTAR_FORMAT) + bytes(512))
    with pytest.raises(OSError, match="something else there"):
        read_member(Member(str(shard), 0, "a.png"), 1000)
    with pytest.raises(UnreadableImageError, match="something else there"):
        load_bytes(f"{shard}/0/a.png")
    assert [member.name for member in list_members(shard)] == (["b.png"] if kind == tarfile.REGTYPE else [])


@pytest.mark.parametrize("offset", [1, 511, 10**18 - 1])
def test_no_header_at_the_offset(tmp_path, offset):
    path = Path(write(tmp_path)["0.png"]).parent.parent / str(offset) / "0.png"
    with pytest.raises(UnreadableImageError, match=r"something else there|Invalid argument"):
        load_bytes(path)


def test_a_header_that_claims_more_than_there_is(tmp_path):
    header = tarfile.TarInfo("a.png")
    header.size = 8 << 30
    (tmp_path / "x-00000.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(512))
    with pytest.raises(UnreadableImageError, match="ends within it"):
        load_bytes(tmp_path / "x-00000.tar/0/a.png")
    assert list(list_members(tmp_path / "x-00000.tar")) == []


def test_stamp_of_a_member_stays_while_its_shard_grows(tmp_path):
    writer = ShardWriter(tmp_path, "faces")
    path = writer.write("a", b"123")
    stamp = stamped_path(path)
    writer.write("b", b"123")
    assert stamped_path(path) == stamp and "\0003\0" in stamp
    assert stamped_path(path.replace("/0/", "/512/")) == ""


def test_a_pipe_is_no_shard(tmp_path):
    os.mkfifo(tmp_path / "x-00000.tar")
    assert not is_there(tmp_path / "x-00000.tar/0/a.png")
    with pytest.raises(UnreadableImageError, match="not a regular file"):
        load_bytes(tmp_path / "x-00000.tar/0/a.png")


def test_a_folder_named_like_an_archive_is_a_folder(tmp_path):
    file = tmp_path / "train.tar" / "0001" / "a.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a picture")
    assert load_bytes(file)[1] == b"a picture" and is_there(file) and stamped_path(str(file))
    with open_binary(file) as opened:
        assert opened.read() == b"a picture"
    assert parse_member(file) is None  # so a mirror and a step's table name the file, too
