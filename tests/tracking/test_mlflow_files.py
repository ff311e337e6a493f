"""Files of artifacts in MLflow."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from types import SimpleNamespace

from aletheia.core.plot_library import library_inside, library_part
from aletheia.tracking import mlflow_export, mlflow_files


def test_copy_files_only_from_allowed_folders(recorder, mlflow, uri: str, tmp_path: Path) -> None:
    """Any client may have written a path into the database; the export must not copy what is there."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    uid = uuid.uuid4().hex
    recorder.run(uid)
    recorder.artifact(uid, "stolen", target_path=str(secret))
    link = tmp_path / "artifacts" / "link.txt"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(secret)
    recorder.artifact(uid, "linked", target_path=str(link))
    recorder.artifact(uid, "dotted", target_path=f"{link.parent}/../secret.txt")
    summary = mlflow_export.export_project(recorder.name, uri)
    assert (summary.copied, summary.referenced) == (0, 3)
    run = recorder.copies(mlflow)[uid, 0]
    assert [item.path for item in mlflow.list_artifacts(run.info.run_id)] == ["mlrun-artifacts.json"]


def test_copy_files_large_ones_are_referred_to(recorder, mlflow, uri: str, monkeypatch) -> None:
    monkeypatch.setattr(mlflow_files, "MAX_FILE", 4)
    monkeypatch.setattr(mlflow_files, "_MAX_FILES", 2)
    uid = uuid.uuid4().hex
    recorder.run(uid)
    recorder.artifact(uid, "small", target_path=recorder.file("small", b"1234"))
    recorder.artifact(uid, "large", target_path=recorder.file("large", b"12345"))
    recorder.artifact(uid, "inline", inline="text", format="md")
    recorder.artifact(uid, "gone", target_path=str(recorder.folder / "gone"))
    recorder.artifact(uid, "remote", target_path="s3://bucket/key")
    for name in ("few/a", "few/deep/b", "many/a", "many/b", "many/c"):
        recorder.file(name, b"1")
    recorder.artifact(uid, "few", target_path=str(recorder.folder / "few"))
    recorder.artifact(uid, "many", target_path=str(recorder.folder / "many"))
    summary = mlflow_export.export_run(uid, recorder.name, uri)
    assert (summary.copied, summary.referenced, summary.problems) == (3, 4, [])
    run_id = recorder.copies(mlflow)[uid, 0].info.run_id
    references = json.loads(Path(mlflow.download_artifacts(run_id, mlflow_files.REFERENCES)).read_text())
    assert {key for key, reference in references.items() if reference["copied"]} == {"small", "inline", "few"}
    assert set(references) == {"small", "large", "inline", "gone", "remote", "few", "many"}
    assert Path(mlflow.download_artifacts(run_id, "inline/inline.md")).read_text() == "text"
    assert Path(mlflow.download_artifacts(run_id, "few/deep/b")).read_text() == "1"


def test_copy_files_pages_take_the_plot_library_to_another_machine(tmp_path: Path) -> None:
    """Beside a copy on a remote server there is no shared file; on this machine the pages still find it."""
    page = tmp_path / "figure.html"
    page.write_text(f"<head>{library_part('linked')}</head>")

    class Client:
        def log_text(self, run: str, text: str, path: str) -> None:
            logged.append((path, text))

        def log_artifact(self, run: str, file: str, folder: str) -> None:
            logged.append((f"{folder}/{Path(file).name}", Path(file).read_text()))

    contents = {}
    for uri in ("https://mlflow.example", "sqlite:///x.db"):
        logged: list[tuple[str, str]] = []
        exporter = SimpleNamespace(client=Client(), summary=SimpleNamespace(uri=uri))
        mlflow_files._copy_file(exporter, "run", page, Path("figure"))
        contents[uri] = logged
    assert contents["https://mlflow.example"] == [("figure/figure.html", f"<head>{library_inside()}</head>")]
    assert contents["sqlite:///x.db"] == [("figure/figure.html", page.read_text())]
