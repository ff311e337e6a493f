"""Files of a tree, lists beside them, and links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.layouts import tree as module
from aletheia.datasets.layouts.file_label import video_key
from aletheia.datasets.layouts.tree import Tree, list_media, real_roots


def test_tree_folders():
    tree = Tree(Path("x"), ["a/b/1.png", "a/c/2.png", "3.png"])
    assert tree.folders() == ["", "a", "a/b", "a/c"]


def test_tree_reads_lists(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"x": 1}')
    (tmp_path / "b.txt").write_text("one\n\n two \n")
    (tmp_path / "c.csv").write_text("File Name, Label\na b.png , real\nshort\n")
    tree = Tree(tmp_path, [])
    assert tree.read_json("a.json") == {"x": 1}
    assert tree.read_lines("b.txt") == ["one", "two"]
    assert tree.read_table("c.csv") == [{"file name": "a b.png", "label": "real"}, {"file name": "short"}]
    assert tree.used == {"a.json", "b.txt", "c.csv"} and tree.notes == []
    assert tree.read_json("none.json") is None and tree.notes == []


def test_tree_refuses_what_is_large_or_elsewhere(tmp_path, monkeypatch):
    root = tmp_path / "set"
    root.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "large.txt").write_text("x" * 11)
    (root / "bytes.txt").write_bytes(b"\xff\xfe")
    monkeypatch.setattr(module, "MAX_LIST_BYTES", 10)
    tree = Tree(root, [])
    assert [tree.read_text(f"{name}.txt") for name in ("link", "large", "bytes")] == [None] * 3
    assert tree.read_text("../secret.txt") is None
    assert [("leads out" in note, "more than 10 bytes" in note) for note in tree.notes][:2] == [
        (True, False),
        (False, True),
    ]
    assert len(tree.notes) == 4 and tree.used == set()


@pytest.fixture
def linked(tmp_path):
    """A set whose class folder is a link into a cache, as DVC makes them, and whose files are links to blobs."""
    cache, blobs, root = tmp_path / "cache", tmp_path / "blobs", tmp_path / "set"
    (cache / "ab12").mkdir(parents=True)
    (cache / "ab12" / "1.jpg").touch()
    (root / "fake").mkdir(parents=True)
    blobs.mkdir()
    (blobs / "sha").touch()
    (root / "fake" / "2.jpg").symlink_to(os.path.relpath(blobs / "sha", root / "fake"))
    (root / "real").symlink_to(cache / "ab12")
    return root, cache, blobs


def test_list_media_follows_links_into_stated_roots(linked):
    root, cache, _ = linked
    files, skipped = list_media(root)
    assert files == ["fake/2.jpg"] and "links are not followed (option link_roots)" in skipped[0][1]
    assert list_media(root, real_roots(root, [str(cache)]))[0] == ["fake/2.jpg", "real/1.jpg"]
    files, skipped = list_media(root, real_roots(root, []))
    assert files == ["fake/2.jpg"] and "outside of those that links may lead to" in skipped[0][1]


def test_list_media_ends_on_circles(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "1.jpg").touch()
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "one").symlink_to(tmp_path / "a" / "b")
    (tmp_path / "two").symlink_to(tmp_path / "a" / "b")
    files, skipped = list_media(tmp_path, real_roots(tmp_path, []))
    assert files == ["a/b/1.jpg", "one/1.jpg"]
    reasons = {path.removeprefix(f"{tmp_path}/"): reason for path, reason in skipped}
    assert reasons["a/b/up"] == "is a link to a folder above it"
    assert reasons["two"] == "is a second link to the same folder"


def test_real_roots_refuses_what_is_no_folder(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        real_roots(tmp_path, [str(tmp_path / "none")])


def test_video_key():
    assert video_key("set", ["fake", "7"]) == "set/fake/7"
