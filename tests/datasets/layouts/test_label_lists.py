"""DFDC with its metadata.json, its preview and its test set; broken and hostile lists."""

from __future__ import annotations

import json

import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.layouts import label_lists
from aletheia.datasets.layouts.registry import describe_tree
from aletheia.datasets.layouts.tree import Tree

METADATA = {
    "aaa.mp4": {"label": "FAKE", "split": "train", "original": "bbb.mp4"},
    "bbb.mp4": {"label": "REAL", "split": "train"},
    "ccc.mp4": {"label": "FAKE", "split": "test", "original": "ddd.mp4"},
    "ddd.mp4": {"label": "REAL", "split": "test", "original": None},
}


@pytest.mark.parametrize("form", ["{}.mp4", "{}/0.png", "frames/{}/000.png", "faces/{}.mp4"])
def test_dfdc_part(describe, form):
    part = "dfdc_train_part_0"
    files = {name: f"{part}/{form.format(name)}" for name in ("aaa", "bbb", "ccc", "ddd")}
    rows = describe("dfdc", [*files.values(), f"{part}/stray.mp4"], {f"{part}/metadata.json": METADATA})
    assert rows[""]["layout"] == "label-list" and rows[""]["unplaced"] == f"{part}/stray.mp4"
    assert [rows[file]["label"] for file in files.values()] == ["fake", "real", "fake", "real"]
    assert [rows[file]["split"] for file in files.values()] == ["train", "train", "test", "test"]
    pairs = [rows[file]["pair"] for file in files.values()]
    assert pairs[0] == pairs[1] and pairs[2] == pairs[3] and pairs[0] != pairs[2]
    assert len({rows[file]["video"] for file in files.values()}) == 4


def test_dfdc_parts_with_videos_of_one_name(describe):
    lists = {f"dfdc_train_part_{k}/metadata.json": METADATA for k in (0, 1)}
    rows = describe("dfdc", [f"dfdc_train_part_{k}/{name}" for k in (0, 1) for name in METADATA], lists)
    assert rows["dfdc_train_part_0/aaa.mp4"]["pair"] != rows["dfdc_train_part_1/aaa.mp4"]["pair"]


def test_dfdc_preview(describe):
    name, real = "method_A/10/10_15_A_000.mp4", "original_videos/10/10_C_000.mp4"
    people = {"target_id": "10", "swapped_id": "15"}
    content = {
        name: {"label": "fake", "set": "test", **people},
        real: {"label": "real", "set": "train", "target_id": "10", "swapped_id": None},
    }
    rows = describe("preview", [name, real], {"dataset.json": content})
    assert (rows[name]["pair"], rows[name]["identity"], rows[name]["split"]) == ("preview-10|preview-15", "", "test")
    assert (rows[real]["pair"], rows[real]["identity"]) == ("", "preview-10")


def test_dfdc_test_set_with_labels_csv(describe):
    rows = describe(
        "test", ["a.mp4", "b.mp4", "frames/c/0.png"], {"labels.csv": "filename,label\na.mp4,1\nb.mp4,0\nc.mp4,1"}
    )
    assert [rows[name]["label"] for name in ("a.mp4", "b.mp4", "frames/c/0.png")] == ["fake", "real", "fake"]


def test_label_list_of_pictures(describe):
    """As image folders of Hugging Face have it; a picture with an entry of its own is no video."""
    table = "file_name,label,split\nx/1.png,real,validation\nx/2.png,fake,train\n"
    rows = describe("hub", ["x/1.png", "x/2.png"], {"metadata.csv": table})
    assert (rows["x/1.png"]["label"], rows["x/1.png"]["split"]) == ("real", "val")
    assert "video" not in rows["x/1.png"]


@pytest.mark.parametrize("content", ["{", "[" * 100_000, '{"a.mp4": {"label": "FAKE"'])
def test_label_list_that_is_no_json(describe, content):
    rows = describe("faces", ["real/a.mp4", "fake/b.mp4"], {"metadata.json": content})
    assert rows[""]["layout"] == "real-fake"
    assert "metadata.json lies beside the files but cannot be used" in rows[""]["notes"]


def test_label_list_with_unknown_labels(describe):
    content = {**METADATA, "eee.mp4": {"label": "maybe"}}
    rows = describe("dfdc", list(content), {"metadata.json": content})
    assert "1 of 5 entries without a label" in rows[""]["notes"]
    assert rows[""]["unplaced"] == "eee.mp4"


def test_label_list_outside_of_the_folder_is_not_read(tmp_path):
    (tmp_path / "secret.json").write_text(json.dumps(METADATA))
    root = tmp_path / "set"
    root.mkdir()
    (root / "metadata.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(InputError, match=r"metadata\.json lies beside the files but cannot be used \(it is a link"):
        describe_tree(Tree(root, ["aaa.mp4", "bbb.mp4"]))
    assert label_lists.__doc__


VIDEOS = {"aa.mp4": {"label": "FAKE", "split": "train", "original": "bb.mp4"}, "bb.mp4": {"label": "REAL"}}


@pytest.mark.parametrize("names", [("aa.jpg", "bb.jpg"), ("aa_12.jpg", "bb_3.jpg"), ("aa_12_0.png", "bb-007.png")])
def test_label_list_of_frames_that_bear_the_name_of_their_video(describe, names):
    fake, real = (f"part_0/{name}" for name in names)
    rows = describe("dfdc", [fake, real], {"part_0/metadata.json": VIDEOS})
    assert (rows[fake]["label"], rows[real]["label"]) == ("fake", "real")
    assert rows[fake]["video"] == "dfdc/part_0/aa" and rows[fake]["pair"] == rows[real]["pair"]


def test_label_list_of_crops_beside_a_table(describe):
    table = "videoname,original_width,label,original\naa.mp4,1,FAKE,bb.mp4\nbb.mp4,1,REAL,\n"
    rows = describe("deepfake-faces", ["faces_224/aa.jpg", "faces_224/bb.jpg"], {"metadata.csv": table})
    assert [rows[f"faces_224/{name}.jpg"]["label"] for name in ("aa", "bb")] == ["fake", "real"]


@pytest.mark.parametrize(("column", "first"), [("is_real", "real"), ("is_fake", "fake")])
def test_label_list_of_bits(describe, column, first):
    rows = describe("x", ["images/a.jpg", "images/b.jpg"], {"labels.csv": f"filename,{column}\na.jpg,1\nb.jpg,False\n"})
    assert rows["images/a.jpg"]["label"] == first != rows["images/b.jpg"]["label"]
