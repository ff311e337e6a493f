"""The wheel: it holds every file of the package, and works in a folder that is not the checkout."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
BUILD_FILES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")


def package_files() -> set[str]:
    """Files of the package in the checkout, relative to it."""
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / "aletheia").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the environment's own tools from a copy of the sources; the network is not used."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "aletheia", source / "aletheia", ignore=shutil.ignore_patterns("__pycache__"))
    for name in BUILD_FILES:
        shutil.copy(ROOT / name, source)
    command = [UV, "build", "--wheel", "--no-build-isolation", "--offline", "--python", sys.executable]
    subprocess.run([*command, "--out-dir", folder, source], check=True, capture_output=True, text=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """An otherwise empty folder with the wheel's content."""
    target = wheel.parent / "target"
    command = [UV, "pip", "install", "--no-deps", "--offline", "--python", sys.executable, "--target", target]
    subprocess.run([*command, wheel], check=True, capture_output=True, text=True)
    return target


def run_installed(installed: Path, *arguments: str) -> str:
    """Run Python with the installed wheel before everything else, in a folder outside of the checkout."""
    elsewhere = installed.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("ALETHEIA_", "MLRUN_"))}
    env |= {"PYTHONPATH": str(installed), "ALETHEIA_CACHE": str(installed.parent / "cache"), "NO_COLOR": "1"}
    process = subprocess.run(
        [sys.executable, *arguments], cwd=elsewhere, env=env, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.slow
def test_wheel_holds_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packaged = {name for name in names if name.startswith("aletheia/")}
    assert packaged == package_files()
    assert {"aletheia/py.typed", "aletheia/serving/web/page.css", "aletheia/core/__init__.pyi"} <= packaged
    assert len({name for name in packaged if name.endswith(".tflite")}) == 3
    assert {name.rsplit("/", 1)[1] for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


@pytest.mark.slow
def test_wheel_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == "<3.12,>=3.11"
    assert sorted(metadata.get_all("License-File")) == ["LICENSE", "NOTICE"]
    assert {"dev", "docs", "dvc", "notebooks", "pretrained", "relatives", "s3", "search"} == set(
        metadata.get_all("Provides-Extra")
    )
    assert "Typing :: Typed" in metadata.get_all("Classifier")


@pytest.mark.slow
def test_wheel_is_what_runs(installed):
    code = "import aletheia.core.errors as m; print(m.__file__)"
    assert Path(run_installed(installed, "-c", code).strip()).is_relative_to(installed)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["models", "architectures"], ["serve", "--help"]], ids=" ".join)
def test_wheel_runs_a_command(installed, arguments):
    expected = "attention_cnn" if arguments == ["models", "architectures"] else "Usage"
    assert expected in run_installed(installed, "-m", "aletheia.cli", *arguments)


@pytest.mark.slow
def test_wheel_draws_the_synthetic_data(installed):
    run_installed(installed, "-m", "aletheia.cli", "data", "synth", "drawn", "--images", "50", "--pool", "5")
    assert (installed.parent / "elsewhere/drawn/manifest.parquet").is_file()


@pytest.mark.slow
def test_wheel_finds_the_assets_of_the_page(installed):
    code = (
        "import aletheia.serving.web.mount as m; from pathlib import Path; f = Path(m.__file__).parent; "
        "print(f); print(*(len((f / name).read_bytes()) for name in ('page.css', 'page.js')))"
    )
    folder, sizes = run_installed(installed, "-c", code).splitlines()[-2:]
    assert Path(folder) == installed / "aletheia/serving/web"
    web = ROOT / "aletheia/serving/web"
    assert [int(size) for size in sizes.split()] == [(web / name).stat().st_size for name in ("page.css", "page.js")]
