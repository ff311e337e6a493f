"""GenImage, CNNDetection and the 140k faces in their true shape."""

from __future__ import annotations

import pytest

from aletheia.datasets.layouts import image_sets

CNN = {
    "progan/airplane/1_fake/1.png": ("fake", "cnndetection-progan", "progan", ""),
    "progan/cat/0_real/1.png": ("real", "cnndetection-progan", "", ""),
    "stargan/1_fake/1.png": ("fake", "cnndetection-stargan", "stargan", ""),
    "whichfaceisreal/0_real/1.jpeg": ("real", "cnndetection-whichfaceisreal", "", ""),
}


@pytest.mark.parametrize(("top", "split"), [("", ""), ("test/", "test")])
def test_cnn_detection_test_set(describe, top, split):
    rows = describe("CNN_synth_testset", [top + name for name in CNN])
    assert rows[""]["layout"] == "cnndetection"
    for name, expected in CNN.items():
        row = rows[top + name]
        assert (row["label"], row["source"], row["generator"], row["split"]) == (*expected[:3], split)


def test_cnn_detection_training_set_of_lsun_classes(describe):
    """Its folders name classes, one of which is called train; the generator is ProGAN throughout."""
    files = [f"{split}/{kind}/1_fake/1.png" for split in ("train", "val") for kind in ("train", "person")]
    rows = describe("progan", [*files, "train/train/0_real/2.png"])
    assert {rows[file]["generator"] for file in files} == {"progan"}
    assert [rows[file]["split"] for file in files] == ["train", "train", "val", "val"]
    assert rows["train/train/0_real/2.png"]["source"] == "cnndetection-progan"


def test_cnn_detection_of_one_generator(describe):
    rows = describe("gaugan", ["0_real/1.png", "1_fake/1.png"])
    assert rows["1_fake/1.png"]["generator"] == "gaugan"


def test_real_vs_fake_140k(describe):
    top = "real_vs_fake/real-vs-fake"
    files = [f"{top}/{split}/{label}/0.jpg" for split in ("train", "valid", "test") for label in ("real", "fake")]
    rows = describe("140k", files, {"train.csv": "id,label\n0,1\n", "valid.csv": "id,label\n0,1\n"})
    assert rows[""]["layout"] == "140k-real-and-fake-faces"
    assert [rows[file]["split"] for file in files] == ["train", "train", "val", "val", "test", "test"]
    assert rows[files[1]]["generator"] == "stylegan"


def test_genimage_generators_with_and_without_inner_folder(describe):
    files = ["BigGAN/imagenet_ai_0419_biggan/val/ai/1.png", "Midjourney/train/nature/2.JPEG"]
    rows = describe("GenImage", files)
    assert (rows[files[0]]["generator"], rows[files[0]]["split"]) == ("BigGAN", "val")
    assert (rows[files[1]]["source"], rows[files[1]]["generator"]) == ("genimage-Midjourney", "")
    assert image_sets.__doc__
