"""Files that are examined side by side."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aletheia.core.buckets.mirror import local_copy
from aletheia.datasets.examination import Examined, examine_files, without_duplicates

from ..bucket_server import bucket_server, forget, use


def test_examine_files_keeps_order_and_reasons(face_folder, tmp_path):
    (tmp_path / "bad.jpg").write_text("text")
    paths = [str(face_folder / "real/camera/0.jpg"), str(tmp_path / "bad.jpg"), str(face_folder / "fake/gan/0.png")]
    first, bad, last = examine_files(paths, None, 2, False)
    assert (first.properties.format, last.properties.format) == ("jpeg", "png") and bad.reason
    outside = list(examine_files(paths, [str(face_folder)], 1, False))
    assert [one.reason for one in outside] == ["", "is a link that leads out of the folder (option link_roots)", ""]


def examined(paths: list[str], roots: list[str], client=None) -> list[str]:
    """Results as texts: a quality that is not known is not equal to itself."""
    return list(map(repr, examine_files(paths, roots, 1, False, client)))


@pytest.mark.slow
def test_examine_files_on_a_cluster(face_folder, tmp_path, monkeypatch):
    """Objects of a bucket are fetched by its workers, files that they see are read where they are."""
    from distributed import Client, LocalCluster

    shutil.copytree(face_folder, tmp_path / "served" / "faces")
    (tmp_path / "served" / "faces" / "bad.jpg").write_text("text")
    with bucket_server(tmp_path / "served") as port:
        use(monkeypatch, port, tmp_path / "workers")
        options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(local_directory=str(tmp_path), **options) as local, Client(local) as client:
            use(monkeypatch, port, tmp_path / "here")
            paths = sorted(str(file) for file in local_copy("s3://faces").rglob("*") if file.is_file())
            roots = [str(tmp_path / "here")]
            here = examined(paths, roots)
            assert "reason=''" in here[1] and "reason=''" not in here[0]
            outside = examined([__file__, *paths], roots, client)
            assert "is a link that leads out of the folder" in outside[0] and outside[1:] == here
            for file in map(Path, paths):
                file.write_bytes(b"")  # the workers do not read them here
            assert examined(paths, roots, client) == here
    assert not list((tmp_path / "workers").rglob("*.jpg"))
    forget()


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
