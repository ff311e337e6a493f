"""The stages of DVC in fresh clones, with a real S3 server as their remote."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ..bucket_server import KEY, SECRET, bucket_server
from .conftest import ROOT, Checkout

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]

_FAST = {
    "data.n_synthetic": 240,
    "faces.image_size": 64,
    "train.epochs": 2,
    "train.source_folds": 0,
    "evaluate.network_controls": False,
    "evaluate.delivery_faces": 20,
}
_ARCHIVES = ("pictures.tar", "faces.tar", "sets.tar")


class Clone(Checkout):
    """A checkout with the files of DVC, under git, and small parameters."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        super().__init__(folder)
        for name in ("dvc.yaml", "params.yaml", ".gitignore", ".dvcignore"):
            shutil.copy(ROOT / name, folder / name)
        (folder / ".dvc").mkdir()
        for name in ("config", ".gitignore"):
            shutil.copy(ROOT / ".dvc" / name, folder / ".dvc" / name)
        params = yaml.safe_load((folder / "params.yaml").read_text())
        for name, value in _FAST.items():
            section, key = name.split(".")
            assert key in params[section] and params[section][key] != value, name
            params[section][key] = value
        (folder / "params.yaml").write_text(yaml.safe_dump(params))
        # Next to the clone, not in it: git and DVC would look through them.
        self.environment |= {"ALETHEIA_HOME": f"{folder}-home", "DVC_SITE_CACHE_DIR": f"{folder}-dvc"}
        self.environment |= {"DVC_GLOBAL_CONFIG_DIR": f"{folder}-global", "DVC_SYSTEM_CONFIG_DIR": f"{folder}-system"}
        self.environment |= {"TQDM_DISABLE": "1", "HOME": f"{folder}-user", "DVC_NO_ANALYTICS": ""}
        self.environment |= {
            f"GIT_{role}_{what}": "ada@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", "Start")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def dvc(self, *words: str) -> str:
        done = self.command("dvc", *words, check=True)
        return done.stdout + done.stderr

    def archives(self) -> dict[str, bytes]:
        return {name: (self.folder / "data" / "dvc" / name).read_bytes() for name in _ARCHIVES}

    def add_remote(self, url: str) -> None:
        self.dvc("remote", "add", "--local", "--default", "store", "s3://bucket/aletheia")
        for name, value in (("endpointurl", url), ("access_key_id", KEY), ("secret_access_key", SECRET)):
            self.dvc("remote", "modify", "--local", "store", name, value)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address of an S3 server, and the folder in which it keeps the bucket."""
    folder = tmp_path_factory.mktemp("s3")
    (folder / "bucket").mkdir()
    with bucket_server(folder) as port:
        yield f"http://127.0.0.1:{port}", folder / "bucket"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, bucket: tuple[str, Path]) -> Iterator[Clone]:
    """A clone in which every stage has run, with the results committed."""
    clone = Clone(tmp_path_factory.mktemp("dvc") / "first")
    clone.add_remote(bucket[0])
    clone.dvc("repro")
    clone.git("add", ".")
    clone.git("commit", "--quiet", "-m", "First model")
    yield clone
    clone.command("aletheia", "tracking", "stop")


@pytest.fixture(scope="module")
def metrics(first: Clone) -> dict[str, float]:
    """Of the first model, as they were committed."""
    return json.loads(first.git("show", "HEAD:reports/metrics.json"))


def test_stages_write_results_and_commit_no_data(first, metrics):
    assert 0 <= metrics["auc"] <= 1 and metrics["n"] > 0
    assert all(isinstance(value, int | float) for value in metrics.values())
    report = (first.folder / "reports" / "report.html").read_text()
    assert "plotly" in report and len(report) > 1_000_000  # with the library of its plots: it can be handed on
    assert (first.folder / "data" / "dvc" / "model" / "model.onnx").is_file()
    registered = json.loads((first.folder / "reports" / "registration.json").read_text())
    assert (registered["version"], registered["tag"]) == ("v1.0.0", "candidate")
    listed = first.command("aletheia", "models", "list", "--json", check=True).stdout
    assert "v1.0.0" in listed
    tracked = first.git("ls-files").split()
    assert "dvc.lock" in tracked and "reports/metrics.json" in tracked
    assert not [name for name in tracked if name.startswith(("data/", "artifacts/", ".dvc/tmp", ".dvc/cache"))]
    assert max((first.folder / name).stat().st_size for name in tracked) < 3_000_000
    assert SECRET not in first.git("grep", "-h", "", "--", ".dvc")
    assert all(str(first.folder).encode() not in content for content in first.archives().values())


def test_repro_again_has_nothing_to_do(first):
    assert "Data and pipelines are up to date." in first.dvc("repro")
    assert first.git("status", "--porcelain") == ""


def test_push_and_pull_in_a_second_clone(first, bucket, tmp_path):
    first.dvc("push")
    stored = [path for path in bucket[1].rglob("*") if path.is_file()]
    assert len(stored) < 40  # archives, not a file a picture
    second = Clone(tmp_path / "second")
    second.git("fetch", "--quiet", str(first.folder), "HEAD")
    second.git("reset", "--quiet", "--hard", "FETCH_HEAD")
    second.add_remote(bucket[0])
    second.dvc("pull")
    assert second.archives() == first.archives()
    assert "Data and pipelines are up to date." in second.dvc("repro")
    # Not the archives alone: a stage runs on what was pulled, with another folder's paths nowhere in it.
    hidden = first.folder.rename(f"{first.folder}-hidden")
    try:
        second.dvc("repro", "--force", "--single-item", "evaluation")
    finally:
        hidden.rename(first.folder)
        second.command("aletheia", "tracking", "stop")
    names = ("auc", "n", "log_loss", "shortcut_auc")
    ours, theirs = (json.loads((clone.folder / "reports" / "metrics.json").read_text()) for clone in (first, second))
    assert {name: theirs[name] for name in names} == pytest.approx({name: ours[name] for name in names}, abs=1e-6)


def test_experiment_trains_anew_from_the_same_faces(first, metrics):
    before = first.archives()
    printed = first.dvc("exp", "run", "--name", "slower", "-S", "train.learning_rate=0.0001")
    assert "Stage 'features' didn't change, skipping" in printed
    for stage in ("training", "evaluation", "registration"):
        assert f"Running stage '{stage}'" in printed
    assert first.archives() == before
    params = yaml.safe_load((first.folder / "params.yaml").read_text())
    assert params["train"]["learning_rate"] == 0.0001
    spec = json.loads((first.folder / "data" / "dvc" / "model" / "model.json").read_text())
    assert spec["training"]["learning_rate"] == 0.0001
    changes = json.loads(first.command("dvc", "metrics", "diff", "--json", check=True).stdout)["reports/metrics.json"]
    after = json.loads((first.folder / "reports" / "metrics.json").read_text())
    assert changes["log_loss"]["old"] == metrics["log_loss"]
    assert changes["log_loss"]["new"] == after["log_loss"] != metrics["log_loss"]
    assert "slower" in first.dvc("exp", "show", "--csv")
    assert json.loads((first.folder / "reports" / "registration.json").read_text())["version"] > "v1.0.0"
    first.dvc("plots", "diff", "--out", f"{first.folder}-plots")
    page = Path(f"{first.folder}-plots", "index.html").read_text()
    assert all(name in page for name in ("curves.csv", "scores.csv", "crops.png"))
