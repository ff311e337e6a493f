"""The folders of the project and of its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.core.paths import check_is_local, data_folder, is_inside, project_root


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a folder inside of it, where the process stands."""
    monkeypatch.delenv("ALETHEIA_PROJECT", raising=False)
    monkeypatch.delenv("ALETHEIA_DATA", raising=False)
    folder = tmp_path / "project"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "project.yaml").touch()
    monkeypatch.chdir(folder / "notebooks")
    return folder


def test_project_root_is_the_nearest_above(project):
    assert project_root() == project
    assert data_folder() == project / "data"


def test_project_root_from_the_environment(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"No project\.yaml in"):
        project_root()
    monkeypatch.setenv("ALETHEIA_PROJECT", str(project))
    assert project_root() == project
    with pytest.raises(InputError):
        project_root(tmp_path)  # a folder that was named wins over the environment


def test_data_folder_outside_of_a_project(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data_folder() == tmp_path / "data"
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path / "elsewhere"))
    assert data_folder() == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("s3://bucket/faces", "aws s3 sync s3://bucket/faces"),
        (Path("s3://bucket/faces"), "aws s3 sync s3://bucket/faces"),
        ("gs://b/x.csv", "gcloud storage cp -r gs://b/x.csv"),
        ("HTTPS://h/x.zip", "curl -fLO HTTPS://h/x.zip"),
        ("v3io://users/x", 'mlrun.get_dataitem("v3io://users/x").download'),
        ("store://artifacts/p/x", "mlrun.get_dataitem"),
    ],
)
def test_check_is_local_names_the_remedy(source, remedy):
    with pytest.raises(InputError, match="only files of this one are read") as refused:
        check_is_local(source)
    assert remedy in str(refused.value)


@pytest.mark.parametrize("source", ["faces", "/data/s3", "C:/faces", Path("a:b/c"), "s3:", "", "synthetic"])
def test_check_is_local_accepts_paths(source):
    check_is_local(source)


def test_is_inside(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (tmp_path / "ab").mkdir()
    (folder / "link").symlink_to(tmp_path / "ab")
    for follow_links in (False, True):
        assert is_inside(str(folder / "x"), str(folder), follow_links=follow_links)
        assert is_inside(str(folder / "x"), f"{folder}/", follow_links=follow_links)
        assert not is_inside(str(tmp_path / "ab"), str(folder), follow_links=follow_links)
        assert not is_inside(str(folder), str(folder), follow_links=follow_links)
        assert not is_inside(f"{folder}/../ab/x", str(folder), follow_links=follow_links)
    assert is_inside("b/../x", str(folder), follow_links=False)
    assert not is_inside("../a/../x", str(folder), follow_links=False)
    assert is_inside(f"{folder}/link/x", str(folder), follow_links=False)
    assert not is_inside(f"{folder}/link/x", str(folder), follow_links=True)
