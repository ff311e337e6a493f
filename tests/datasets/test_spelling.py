"""Spellings of manifests from elsewhere."""

from __future__ import annotations

import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.spelling import UNKNOWN, normalise_spelling


def normalised(**columns) -> tuple[pd.DataFrame, str]:
    n = len(next(iter(columns.values())))
    frame, notes = normalise_spelling(pd.DataFrame({"path": [f"{i}.jpg" for i in range(n)], **columns}))
    return frame, " ".join(notes)


@pytest.mark.parametrize("word", [*sorted(UNKNOWN), "NaN", "N/A", "Unknown", " none "])
@pytest.mark.parametrize("column", ["identity", "gender", "video", "source", "original"])
def test_normalise_spelling_words_for_unknown(column, word):
    frame, notes = normalised(label=["real", "real"], **{column: [word, "ann"]})
    assert frame[column].tolist() == ["", "ann"]
    assert f"1 cells of the column '{column}' hold a word for “not known”" in notes


def test_normalise_spelling_keeps_names_that_hold_such_words():
    frame, notes = normalised(label=["real"] * 3, identity=["Nan Goldin", "none-7", "Ann"])
    assert frame["identity"].tolist() == ["Nan Goldin", "none-7", "Ann"] and notes == ""


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["REAL", "Fake"], ["real", "fake"]),
        ([" real", "FAKE "], ["real", "fake"]),
        (["original", "DeepFake"], ["real", "fake"]),
        (["0", "1"], ["real", "fake"]),
        ([0, 1], ["real", "fake"]),
        ([0.0, 1.0], ["real", "fake"]),
        ([False, True], ["real", "fake"]),
    ],
)
def test_normalise_spelling_labels(values, expected):
    frame, notes = normalised(label=values)
    assert frame["label"].tolist() == expected
    if values != [" real", "FAKE "]:
        assert "label" in notes


def test_normalise_spelling_states_the_rule_for_numbers():
    assert "0 as real and 1 as fake" in normalised(label=["0", "1"])[1]
    frame, notes = normalised(is_real=["1", "0"])
    assert frame["label"].tolist() == ["real", "fake"] and "1 as real and 0 as fake" in notes
    frame, _ = normalised(is_fake=["1", "0"])
    assert frame["label"].tolist() == ["fake", "real"]


def test_normalise_spelling_leaves_mixed_labels_to_validation(tmp_path):
    (tmp_path / "m.csv").write_text("path,label\na,real\nb,1\n")
    with pytest.raises(InputError, match=r"'label' is neither 'real' nor 'fake' in row 2 \('1'"):
        read_manifest(tmp_path / "m.csv")


def test_normalise_spelling_headers():
    frame, notes = normalise_spelling(
        pd.DataFrame({" File Name": ["a"], "LABEL": ["real"], "Person-ID": ["7"], "note": "x"})
    )
    assert list(frame.columns) == ["path", "label", "identity", "note"]
    assert notes[0] == "The column ' File Name' was read as 'path'."


def test_normalise_spelling_headers_stay_where_the_column_exists():
    frame, notes = normalise_spelling(pd.DataFrame({"path": ["a"], "Path": ["b"], "label": ["real"], "file": ["c"]}))
    assert list(frame.columns) == ["path", "Path", "label", "file"] and notes == []


def test_normalise_spelling_splits():
    frame, notes = normalised(label=["real"] * 6, split=["Train", "Validation", "TEST", "training", "valid", "dev"])
    assert frame["split"].tolist() == ["train", "val", "test", "train", "val", "val"]
    assert "Spellings in the column 'split' were merged: 'Train' as 'train'" in notes


def test_normalise_spelling_reads_parts_by_the_words_of_folders():
    parts = ["test_set", "Eval", "hold-out", "public test", "fold1", "sealed", "2", ""]
    frame, notes = normalised(label=["real"] * 8, split=parts)
    assert frame["split"].tolist() == ["test", "test", "test", "test", "", "sealed", "2", ""]
    assert "1 cells of the column 'split' name a part of unknown role ('fold1'): read as empty." in notes


def test_normalise_spelling_groups():
    frame, notes = normalised(
        label=["real"] * 5,
        gender=["Male", "male", "MALE ", "m", "F"],
        ethnicity=["East Asian", "east-asian", "East Asian", "x", "x"],
    )
    assert frame["gender"].tolist() == ["male"] * 4 + ["female"]
    assert frame["ethnicity"].tolist() == ["East Asian"] * 3 + ["x", "x"]
    assert "'m' as 'male'" in notes and "'east-asian' as 'East Asian'" in notes


def test_normalise_spelling_clears_generators_of_real_rows():
    frame, notes = normalised(label=["real", "fake"], generator=["Original", "FaceSwap"])
    assert frame["generator"].tolist() == ["", "FaceSwap"] and "only says that they are real" in notes


def test_read_manifest_separated_by_semicolons(tmp_path):
    (tmp_path / "m.csv").write_text("Path;Label;identity\na.jpg;REAL;nan\nb.jpg;FAKE;p,1\n")
    frame = read_manifest(tmp_path / "m.csv")
    assert frame["label"].tolist() == ["real", "fake"] and frame["identity"].tolist() == ["", "p,1"]
    assert len(frame.attrs["notes"]) == 4


def test_read_manifest_placeholders_in_numbers(tmp_path):
    (tmp_path / "m.csv").write_text("path,label,width,jpeg_quality\na.jpg,real,N/A,nan\nb.jpg,fake,7,90\n")
    frame = read_manifest(tmp_path / "m.csv")
    assert frame["width"].tolist() == [0, 7] and frame["jpeg_quality"].isna().tolist() == [True, False]


def test_normalise_spelling_merges_people_in_identity_and_pair():
    """The spellings of one person are one, or a split would put them on both sides."""
    frame, notes = normalised(
        label=["real"] * 5,
        identity=["Anna", "anna ", "ANNA", "Anna", ""],
        pair=["", "", "", "", "ANNA|Bob"],
        video=["Clip 1", "clip  1", "Clip 1", "Clip 2", ""],
        original=["", "", "", "", "CLIP 1"],
    )
    assert frame["identity"].tolist() == ["Anna"] * 4 + [""] and frame["pair"].tolist()[4] == "Anna|Bob"
    assert frame["video"].tolist() == ["Clip 1"] * 3 + ["Clip 2", ""] and frame["original"].tolist()[4] == "Clip 1"
    assert "Spellings in the column 'identity' were merged: 'anna' as 'Anna', 'ANNA' as 'Anna'." in notes
    assert "Spellings in the column 'pair' were merged" in notes


@pytest.mark.parametrize("word", ["(none)", "[unknown]", "<null>", "( n/a )"])
def test_normalise_spelling_reads_words_for_unknown_in_brackets(word):
    frame, _ = normalised(label=["real", "real"], identity=[word, "(nina)"])
    assert frame["identity"].tolist() == ["", "(nina)"]
