"""Large libraries of CUDA are replaced by ones that the loader takes for them; calling one ends with a sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..packaging.commands import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("gcc") and shutil.which("nm")), reason="not installed: gcc with binutils"),
]
_LOAD = "import ctypes, os, sys; torch = ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW); print(torch.idle())"


def library(path: Path, source: str, *options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["gcc", "-shared", "-fPIC", "-w", "-x", "c", "-", f"-Wl,-soname,{path.name}", "-o", path, "-x", "none"]
    subprocess.run([*map(str, command), *options], input=source, text=True, check=True)
    return path


@pytest.fixture
def packages(tmp_path) -> Path:
    """A library that wants a large one, with versions of its symbols, another large one without, and a small one."""
    large = "char ballast[6000000] = {1};"
    (versions := tmp_path / "map").write_text("libblas.so.13 { *; };")
    blas = library(
        tmp_path / "nvidia/cu/lib/libblas.so.13",
        f"{large} int multiply(void) {{ return 2; }} int unused(void) {{ return 3; }}",
        f"-Wl,--version-script={versions}",
    )
    nccl = library(tmp_path / "nvidia/nccl/lib/libnccl.so.2", f"{large} int gather(void) {{ return 4; }}")
    runtime = library(tmp_path / "nvidia/cu/lib/librt.so.13", "int count(void) { return 5; }")
    library(
        tmp_path / "torch/lib/libtorch.so",
        "int idle(void) { return count(); } int compute(void) { return multiply() + gather(); }",
        *map(str, (blas, nccl, runtime)),
        "-Wl,-rpath,$ORIGIN/../../nvidia/cu/lib:$ORIGIN/../../nvidia/nccl/lib",
    )
    return tmp_path


def call(packages: Path, code: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", code, packages / "torch/lib/libtorch.so"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": ""})


def test_loads_without_the_content(packages):
    assert call(packages, f"{_LOAD}; print(torch.compute())").stdout.split() == ["5", "6"]
    small = (packages / "nvidia/cu/lib/librt.so.13").read_bytes()
    subprocess.run([sys.executable, ROOT / "deploy" / "functions" / "without_cuda.py", packages], check=True)
    assert (packages / "nvidia/cu/lib/librt.so.13").read_bytes() == small
    replaced = [packages / "nvidia/cu/lib/libblas.so.13", packages / "nvidia/nccl/lib/libnccl.so.2"]
    assert all(path.stat().st_size < 50_000 for path in replaced)
    loaded = call(packages, _LOAD)
    assert (loaded.stdout, loaded.stderr) == ("5\n", "")  # the loader would say that it misses a version
    computed = call(packages, f"{_LOAD}; torch.compute()")
    assert computed.returncode < 0 and "built with ACCELERATOR=cuda" in computed.stderr
