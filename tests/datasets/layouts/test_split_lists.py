"""Lists of a split's parts beside a plain tree of real and fake."""

from __future__ import annotations

import pytest

from aletheia.datasets.layouts.split_lists import add_listed_splits
from aletheia.datasets.layouts.tree import Tree

FILES = ["real/a.png", "fake/b.png", "real/c.png", "fake/d.png"]
EXPECTED = {"real/a.png": "test", "fake/b.png": "test", "real/c.png": "train", "fake/d.png": "train"}
WAYS = {
    "lists": {"test.txt": "real/a.png\nfake/b.png\n", "train.txt": "real/c.png\nfake/d.png\n"},
    "one list": {"testing_list.txt": "real/a.png\n\n./fake/b.png\n"},
    "UCF's name": {"testlist01.txt": "real/a.png 1\nfake/b.png 2\n"},
    "labels before": {"Test.lst": "1 real/a.png\n0 fake\\b.png\n"},
    "names": {"splits/test.txt": "a.png\nb\n"},
    "table": {"test.csv": "id,path\n1,real/a.png\n2,fake/b.png\n"},
    "table without header": {"test.csv": "real/a.png,1\nfake/b.png,0\n"},
    "table of parts": {"split.csv": "file,set\na.png,Eval\nb.png,test_set\nc.png,train\nd.png,train\n"},
    "text of parts": {"partition.txt": "real/a.png test\nfake/b.png test\nreal/c.png train\nfake/d.png train\n"},
    "parts in JSON": {"splits.json": {"train": ["real/c.png", "fake/d.png"], "hold-out": ["real/a.png", "fake/b.png"]}},
    "files in JSON": {"split.json": {"a.png": "test", "b.png": "test", "c.png": "train", "d.png": "train"}},
    "list in JSON": {"test.json": ["real/a.png", "fake/b.png"]},
}


@pytest.mark.parametrize("way", WAYS)
def test_split_lists_are_read(describe, way):
    rows = describe("set", FILES, WAYS[way])
    assert {path: rows[path]["split"] for path in FILES} == EXPECTED
    assert "were read from" in rows[""]["notes"] and set(rows[""]["used"].split()) == set(WAYS[way])


def test_split_lists_name_folders_of_frames_and_count_from_a_folder_below(describe):
    files = [f"data/{label}/{video}/{k}.png" for label, video in (("real", "v1"), ("fake", "v2")) for k in range(2)]
    rows = describe("set", files, {"val.txt": "real/v1\n", "train.txt": "fake/v2.mp4\n"})
    assert [rows[file]["split"] for file in files] == ["val", "val", "train", "train"]


@pytest.mark.parametrize(
    ("name", "head", "line"),
    [("list_eval_partition.txt", "", "{} {}"), ("list_eval_partition.csv", "image_id,partition", "{},{}")],
)
def test_celebas_list_is_read_where_its_source_lies(describe, name, head, line):
    """Its parts are the numbers 0, 1 and 2: train, val and test."""
    files = [f"real/celeba/{number:06}.jpg" for number in range(1, 5)]
    parts = dict(zip(files, ("train", "val", "test", "test"), strict=True))
    lines = [line.format(f"{k:06}.jpg", number) for k, number in enumerate((0, 1, 2, 2), 1)]
    rows = describe("set", [*files, "fake/g/b.png"], {f"real/celeba/{name}": "\n".join(filter(None, (head, *lines)))})
    assert {file: rows[file]["split"] for file in files} == parts
    assert rows["fake/g/b.png"]["split"] == ""


def test_celebas_list_of_more_files_is_named_as_not_used(describe):
    content = "".join(f"{k:06}.jpg {k % 3}\n" for k in range(1, 10))
    rows = describe("set", ["real/celeba/000001.jpg", "fake/g/b.png"], {"real/celeba/list_eval_partition.txt": content})
    assert rows["real/celeba/000001.jpg"]["split"] == ""
    assert "real/celeba/list_eval_partition.txt lies beside the files, and was not used" in rows[""]["notes"]
    assert "8 of 9 entries name no file" in rows[""]["notes"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("test.txt", "x.png\ny.png\nreal/a.png\n", "2 of 3 entries name no file"),
        ("splits.json", {"fold0": ["a.png", "b.png"]}, "2 of 2 entries give no part"),
        ("splits.json", {"folds": 5}, "names no files in a way that is known"),
        ("test.txt", "", "names no files in a way that is known"),
    ],
)
def test_split_lists_that_are_not_used_are_named(describe, name, content, reason):
    rows = describe("set", FILES, {name: content})
    assert not any(rows[path]["split"] for path in FILES)
    assert f"{name} lies beside the files, and was not used" in rows[""]["notes"] and reason in rows[""]["notes"]
    assert not rows[""]["used"]


def test_split_lists_that_contradict(describe):
    """Two lists on one file leave it open; of a list and a folder, the folder counts."""
    files = [*FILES, "real/test/e.png"]
    lists = {"test.txt": "a.png\nb.png\n", "train.txt": "c.png\nd.png\na.png\ne.png\n"}
    rows = describe("set", files, lists)
    assert [rows[file]["split"] for file in files] == ["", "test", "train", "train", "test"]
    assert "put 1 file into two parts" in rows[""]["notes"] and "contradict the folders of 1 file" in rows[""]["notes"]


def test_other_texts_are_no_split_lists(describe):
    notes = describe("set", FILES, {"README.txt": "real/a.png", "test_results.txt": "real/a.png"})[""]["notes"]
    assert notes == ""


def test_add_listed_splits_leaves_full_rows_and_lists_of_a_layout_alone(tmp_path):
    (tmp_path / "test.txt").write_text("a.png\n")
    tree = Tree(tmp_path, ["a.png"])
    rows = [{"path": "a.png", "split": "train"}]
    add_listed_splits(tree, rows)
    assert rows == [{"path": "a.png", "split": "train"}] and not tree.used and not tree.notes
    tree.used.add("test.txt")
    rows = [{"path": "a.png", "split": ""}]
    add_listed_splits(tree, rows)
    assert rows == [{"path": "a.png", "split": ""}] and not tree.notes
