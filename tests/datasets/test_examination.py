"""Files that are examined side by side."""

from __future__ import annotations

from aletheia.datasets.examination import Examined, examine_files, without_duplicates


def test_examine_files_keeps_order_and_reasons(face_folder, tmp_path):
    (tmp_path / "bad.jpg").write_text("text")
    paths = [str(face_folder / "real/camera/0.jpg"), str(tmp_path / "bad.jpg"), str(face_folder / "fake/gan/0.png")]
    first, bad, last = examine_files(paths, None, 2, False)
    assert (first.properties.format, last.properties.format) == ("jpeg", "png") and bad.reason
    outside = list(examine_files(paths, [str(face_folder)], 1, False))
    assert [one.reason for one in outside] == ["", "is a link that leads out of the folder", ""]


def test_without_duplicates_of_two_labels():
    results = [
        Examined(sha256="a"),
        Examined(sha256="a"),
        Examined(sha256="b"),
        Examined(sha256="b"),
        Examined(reason="x"),
    ]
    kept, skipped = without_duplicates(list("12345"), ["real", "real", "real", "fake", "fake"], results)
    assert kept == [0] and [path for path, _ in skipped] == ["2", "4", "5", "3"]
