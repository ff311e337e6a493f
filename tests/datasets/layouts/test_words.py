"""Words for labels and splits in names of folders."""

from __future__ import annotations

import pytest

from aletheia.datasets.layouts.words import folder_words, is_unclear_split, names_nothing, read_split


@pytest.mark.parametrize(
    ("name", "label", "split"),
    [
        ("real", "real", ""),
        ("1_fake", "fake", ""),
        ("Testing", "", "test"),
        ("fake-train", "fake", "train"),
        ("RealImages", "real", ""),
        ("images", "", ""),
        ("real_and_fake", "", ""),
        ("train_test", "", ""),
        ("unreal", "", ""),
        ("", "", ""),
        ("2024", "", ""),
        ("evaluation", "", "test"),
        ("Eval", "", "test"),
        ("validate", "", "val"),
        ("holdout", "", "test"),
        ("hold-out", "", "test"),
        ("Held_Out_2", "", "test"),
        ("Tests", "", "test"),
        ("public_test", "", "test"),
        ("PrivateTest", "", "test"),
        ("testdata", "", "test"),
        ("fake_eval_set", "fake", "test"),
        ("fold1", "", ""),
        ("public", "", ""),
    ],
)
def test_folder_words(name, label, split):
    assert folder_words(name) == (label, split)


def test_folder_words_loose():
    assert folder_words("ai_generated") == ("", "")
    assert folder_words("ai_generated", loose=True) == ("fake", "")


@pytest.mark.parametrize(
    "name", ["00012", "frames", "c23", "raw", "train", "Validation", "test_images", "033_097", "Tests", "fold1"]
)
def test_names_nothing(name):
    assert names_nothing(name)


@pytest.mark.parametrize("name", ["stylegan2", "camera", "trainer", "c23x", "public", "devices", "folder"])
def test_names_something(name):
    assert not names_nothing(name)


@pytest.mark.parametrize("name", ["fold1", "Fold_2", "5fold", "split-3", "train_test", "partitions"])
def test_is_unclear_split(name):
    assert is_unclear_split(name) and names_nothing(name) and not read_split(name)


@pytest.mark.parametrize("name", ["test", "train_fold1", "folder", "frames", "c23", "00", "stylegan", ""])
def test_is_no_unclear_split(name):
    assert not is_unclear_split(name)
