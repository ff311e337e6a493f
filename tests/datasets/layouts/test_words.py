"""Words for labels and splits in names of folders."""

from __future__ import annotations

import pytest

from aletheia.datasets.layouts.words import folder_words, names_nothing


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
    ],
)
def test_folder_words(name, label, split):
    assert folder_words(name) == (label, split)


def test_folder_words_loose():
    assert folder_words("ai_generated") == ("", "")
    assert folder_words("ai_generated", loose=True) == ("fake", "")


@pytest.mark.parametrize("name", ["00012", "frames", "c23", "raw", "train", "Validation", "test_images", "033_097"])
def test_names_nothing(name):
    assert names_nothing(name)


@pytest.mark.parametrize("name", ["stylegan2", "camera", "trainer", "c23x"])
def test_names_something(name):
    assert not names_nothing(name)
