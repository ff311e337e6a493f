"""Archives of tables with their pictures: the same bytes for the same content, and nothing hostile is unpacked."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.core.shards import ShardWriter
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.packed import pack_tables, unpack_tables


@pytest.fixture
def tables(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("a.png", "b.PNG", "copy of a.png"):
        (folder / name).write_bytes(b"picture " + name.split()[-1].encode())
    train = pd.DataFrame({"path": [str(folder / "a.png"), str(folder / "b.PNG")], "label": ["real", "fake"]})
    test = pd.DataFrame({"path": [str(folder / "copy of a.png")], "label": ["real"]})
    skipped = pd.DataFrame({"path": ["/not/there.jpg"], "reason": ["no face"]})
    return {"train": train, "test": test, "skipped": skipped}


def test_unpacked_tables_are_the_packed_ones(tables, tmp_path):
    assert pack_tables(tables, tmp_path / "out" / "sets.tar") == 3
    shutil.rmtree(tmp_path / "here")  # another machine
    unpacked = unpack_tables(tmp_path / "out" / "sets.tar", tmp_path / "there")
    assert set(unpacked) == set(tables)
    train, test, skipped = (pd.read_parquet(unpacked[name]) for name in ("train", "test", "skipped"))
    assert train["label"].tolist() == ["real", "fake"]
    contents = [Path(path).read_bytes() for path in [*train["path"], *test["path"]]]
    assert contents == [b"picture a.png", b"picture b.PNG", b"picture a.png"]
    assert skipped.equals(tables["skipped"])
    assert unpack_tables(tmp_path / "out" / "sets.tar", tmp_path / "there") == unpacked
    assert len({*train["path"], *test["path"]}) == 3  # equal files keep paths of their own
    names = [path.name for path in (tmp_path / "there").iterdir()]
    assert len(names) == 4 and "files" in names  # nothing half-done beside them


def test_originals_are_named_and_lie_in_another_archive(tables, tmp_path):
    here = tmp_path / "here"
    pack_tables({"source": tables["train"]}, tmp_path / "pictures.tar")
    (here / "crop.png").write_bytes(b"crop")
    faces = pd.DataFrame({"path": [str(here / "crop.png")], "label": ["real"], "original": [str(here / "a.png")]})
    assert pack_tables({"faces": faces}, tmp_path / "faces.tar") == 1
    shutil.rmtree(here)
    for archive in ("pictures.tar", "faces.tar"):
        unpacked = unpack_tables(tmp_path / archive, tmp_path / "there")
    (original,) = pd.read_parquet(unpacked["faces"])["original"]
    assert Path(original).read_bytes() == b"picture a.png"
    assert Path(original).is_relative_to(tmp_path / "there")


def test_members_of_shards_are_packed_as_files_are(tables, tmp_path):
    faces = tables["train"]
    with ShardWriter(tmp_path, "faces") as writer:
        members = [writer.write(Path(path).name, Path(path).read_bytes()) for path in faces["path"]]
    pack_tables({"faces": faces}, tmp_path / "files.tar")
    pack_tables({"faces": faces.assign(path=members)}, tmp_path / "members.tar")
    assert (tmp_path / "members.tar").read_bytes() == (tmp_path / "files.tar").read_bytes()


def test_unpacked_source_is_read_as_a_manifest(tables, tmp_path):
    """By the rule that no path of a manifest leaves its folder."""
    pack_tables({"source": tables["train"]}, tmp_path / "pictures.tar")
    table = unpack_tables(tmp_path / "pictures.tar", tmp_path / "there")["source"]
    assert read_manifest(table)["label"].tolist() == ["real", "fake"]


def test_archive_depends_on_the_content_alone(tables, tmp_path):
    pack_tables(tables, tmp_path / "1.tar")
    shutil.copytree(tmp_path / "here", tmp_path / "elsewhere")
    moved = {
        name: table.assign(path=table["path"].str.replace("/here/", "/elsewhere/")) for name, table in tables.items()
    }
    moved["train"].attrs["notes"] = ["read on a Sunday"]
    pack_tables(dict(reversed(moved.items())), tmp_path / "2.tar")
    first, second = ((tmp_path / name).read_bytes() for name in ("1.tar", "2.tar"))
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
    assert str(tmp_path).encode() not in first
    (tmp_path / "elsewhere" / "a.png").write_bytes(b"another")
    pack_tables(moved, tmp_path / "3.tar")
    assert (tmp_path / "3.tar").read_bytes() != first


def test_pack_names_a_missing_file(tables, tmp_path):
    (tmp_path / "here" / "b.PNG").unlink()
    with pytest.raises(InputError, match=r"b\.PNG is to be packed or unpacked, and cannot be read"):
        pack_tables(tables, tmp_path / "sets.tar")
    assert not (tmp_path / "sets.tar").exists()


def _archive(path, *members: tuple[str, bytes, bytes]):
    with tarfile.open(path, "w") as tar:
        for name, content, kind in members:
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(content), kind, "/etc/passwd"
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "member",
    [
        ("../evil.parquet", b"x", tarfile.REGTYPE),
        ("/tmp/evil.parquet", b"x", tarfile.REGTYPE),
        ("files/../../evil.png", b"x", tarfile.REGTYPE),
        (f"files/{'a' * 64}.png", b"", tarfile.SYMTYPE),
        (f"files/{'a' * 64}.png", b"", tarfile.LNKTYPE),
        ("train.parquet", b"", tarfile.SYMTYPE),
        ("files", b"", tarfile.DIRTYPE),
        ("notes.txt", b"x", tarfile.REGTYPE),
    ],
)
def test_unpack_refuses_other_members(tmp_path, member):
    with pytest.raises(InputError, match="is no archive of tables"):
        unpack_tables(_archive(tmp_path / "bad.tar", member), tmp_path / "there")
    assert not [path for path in (tmp_path / "there").rglob("*") if path.name != "files"]
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("column", ["path", "original"])
def test_unpack_refuses_files_that_are_not_what_they_are_named(tables, tmp_path, column):
    """An archive must not put another picture where a later one is looked for, or name files of this machine."""
    name = f"files/{hashlib.sha256(b'genuine').hexdigest()}.png"
    archive = _archive(tmp_path / "bad.tar", (name, b"another", tarfile.REGTYPE))
    with pytest.raises(InputError, match="cut off or another file"):
        unpack_tables(archive, tmp_path / "there")
    assert not list((tmp_path / "there" / "files").iterdir())
    table = io.BytesIO()
    rows = {"path": [name], "label": ["real"], "original": [name]} | {column: ["/etc/passwd"]}
    pd.DataFrame(rows).to_parquet(table)
    members = ((name, b"genuine", tarfile.REGTYPE), ("train.parquet", table.getvalue(), tarfile.REGTYPE))
    with pytest.raises(InputError, match="'/etc/passwd'"):
        unpack_tables(_archive(tmp_path / "bad.tar", *members), tmp_path / "there")


@pytest.mark.parametrize("keep", [0, 100, 700, -2000])
def test_unpack_refuses_a_damaged_archive(tables, tmp_path, keep):
    (tmp_path / "here" / "a.png").write_bytes(bytes(range(256)) * 100)
    pack_tables(tables, tmp_path / "sets.tar")
    content = (tmp_path / "sets.tar").read_bytes()
    last = content.rindex(b"\xff")  # within a picture
    (tmp_path / "cut.tar").write_bytes(content[: last + keep if keep < 0 else keep])
    with pytest.raises(InputError, match=r"cut.tar"):
        unpack_tables(tmp_path / "cut.tar", tmp_path / "there")
    with pytest.raises(InputError, match="cannot be read"):
        unpack_tables(tmp_path / "absent.tar", tmp_path / "there")
