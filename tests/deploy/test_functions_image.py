"""The functions' image: built, and functions run in it as MLRun starts them in the pods of a cluster."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from aletheia.serving.config import ServeConfig
from aletheia.serving.model_loading import load_model
from aletheia.serving.service import InferenceService
from aletheia.tracking.access import with_token

from ..packaging.commands import ROOT
from .containers import LIMITS, NEEDED, PODMAN, build_image, run

pytestmark = [pytest.mark.slow, pytest.mark.long, *NEEDED]
_MAX_BYTES = 3.4e9
_RUN = (*PODMAN, "run", "--rm", "--read-only", "--cap-drop", "all", *LIMITS, "--tmpfs", "/tmp")


@pytest.fixture(scope="module")
def image() -> str:
    return build_image("functions")


@pytest.fixture
def volume(tmp_path) -> Path:
    """A folder that the pods' user may write to."""
    (folder := tmp_path / "volume").mkdir()
    for path in (folder, *folder.parents[:3]):
        path.chmod(0o777)
    return folder


@pytest.fixture
def pod(image, volume, mlrun_project, tracking_url, tracking_home):
    """Run a function as a pod does: code and task in the environment, nothing of the project, nothing writable."""

    def start(name: str, parameters: dict, **inputs: str) -> dict:
        spec = yaml.safe_load((ROOT / "functions" / name / "function.yaml").read_bytes())["spec"]
        task = {
            "metadata": {"name": name, "project": mlrun_project.name},
            "spec": {"parameters": parameters, "inputs": inputs, "output_path": str(volume / "{{run.uid}}")},
        }
        environment = {
            "MLRUN_DBPATH": with_token(tracking_url, tracking_home),
            "MLRUN_EXEC_CODE": spec["build"]["functionSourceCode"],
            "MLRUN_EXEC_CONFIG": json.dumps(task),
            "ALETHEIA_DATA": str(volume / "data"),
            "OMP_NUM_THREADS": "1",
        }
        options = [word for key, value in environment.items() for word in ("--env", f"{key}={value}")]
        options += ["--tmpfs", "/var/lib/aletheia:U", "--volume", f"{volume}:{volume}", "--entrypoint", "mlrun"]
        handler = spec["default_handler"]
        run(*_RUN, *options, image, "run", "--name", name, "--from-env", "--handler", handler)
        (found,) = mlrun_project.list_runs(name=name).to_objects()
        assert found.state() == "completed", found.status.error
        return found.outputs

    return start


def test_size_user_and_compiler(image):
    described = json.loads(run("podman", "image", "inspect", image))[0]
    assert described["Size"] < _MAX_BYTES and described["Config"]["User"] == "10001"
    code = (
        "import importlib.util as u, os, shutil, torch; print(os.getuid(), torch.cuda.is_available(), "
        "[n for n in ('pip', 'triton') if u.find_spec(n)], [shutil.which(n) for n in ('cc', 'gcc', 'ld', 'git')])"
    )
    assert run(*_RUN, "--entrypoint", "python", image, "-c", code) == "10001 False [] [None, None, None, None]"
    assert run(*_RUN, image, "--version").startswith("aletheia ")


def test_computing_on_a_gpu_ends_with_a_sentence(image):
    code = "import torch, ctypes; ctypes.CDLL('libcublas.so.13').cublasCreate_v2(None)"
    done = subprocess.run([*_RUN, "--entrypoint", "python", image, "-c", code], capture_output=True, text=True)
    assert done.returncode and "built with ACCELERATOR=cuda" in done.stderr


def test_functions_run_in_pods(pod, jpeg):
    faces = pod("extract-faces", {"source": "synthetic", "n_synthetic": 120, "image_size": 64})
    data = pod("prepare-data", {}, **{name: faces[name] for name in ("faces", "pool", "skipped")})
    trained = pod("train", {"epochs": 1, "image_size": 64}, **{name: data[name] for name in ("train", "val")})
    assert trained["epochs"] == 1 and 0 < trained["loss"] < 10
    config = ServeConfig(models=(trained["model"],), workers=1)
    service = InferenceService(load_model(config), config)
    assert service.answer_image(jpeg)["verdict"]
    service.close()


def test_cuda_variant_has_what_computes():
    image = build_image("functions", ACCELERATOR="cuda")
    code = (
        "import ctypes, torch; blas = ctypes.CDLL('libcublas.so.13'); version = ctypes.c_int();"
        "print(blas.cublasGetProperty(0, ctypes.byref(version)), version.value, torch.version.cuda.split('.')[0])"
    )
    assert run(*_RUN, "--entrypoint", "python", image, "-c", code) == "0 13 13"
