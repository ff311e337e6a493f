"""Two runs in one clone keep their own logs and summaries."""

from __future__ import annotations

import os

from aletheia.project.run_folder import RunFolder


def test_run_folder_newest_is_linked(tmp_path, monkeypatch):
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "run.log").write_text("of a version before")
    folders = []
    for pid in (11, 12):  # two processes that start in the same second
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        folders.append(RunFolder(tmp_path))
        (folders[-1].path / "run.log").write_text(f"of {pid}")
        folders[-1].link("run.log")
        assert (tmp_path / "artifacts" / "run.log").read_text() == f"of {pid}"
    assert folders[0].path != folders[1].path
    assert (folders[0].path / "run.log").read_text() == "of 11"
    assert sorted(path.name for path in (tmp_path / "artifacts").iterdir()) == ["run.log", "runs"]
    (tmp_path / "artifacts").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "run.log").read_text() == "of 12"
