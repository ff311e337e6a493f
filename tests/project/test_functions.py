"""Generated functions: the same bytes everywhere, and MLRun can use them."""

import ast
import base64
import os
import shutil
import subprocess
import sys
import time

import pytest
import yaml

from aletheia.core.errors import InputError
from aletheia.project.functions import build_functions, outdated

FILES = ["lengths/function.py", "lengths/function.yaml", "scale/function.py", "scale/function.yaml"]


def contents(root):
    folder = root / "functions"
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def spec_of(root, name):
    return yaml.safe_load((root / "functions" / name / "function.yaml").read_text())


def test_build_functions_same_bytes_in_any_checkout(project, tmp_path, make, monkeypatch):
    other = make.write_project(tmp_path / "somewhere" / "else ü")

    def git(*arguments):
        subprocess.run(["git", "-C", other, *arguments], check=True, capture_output=True)

    git("init", "-q")
    git("remote", "add", "origin", "https://example.org/me/project.git")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "x")
    monkeypatch.chdir(other)
    os.utime(other / "notebooks" / "01-scale.ipynb", (1, 1))
    build_functions(".")
    assert list(contents(project)) == FILES
    assert contents(other) == contents(project)


@pytest.mark.slow
def test_build_functions_same_bytes_on_another_machine(project, tmp_path, make):
    """Another process, hash seed, time zone, user; MLRun configured otherwise, its server out of reach."""
    other = make.write_project(tmp_path / "other")
    environment = os.environ | {
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Tokyo",
        "USER": "somebody",
        "LOGNAME": "somebody",
        "MLRUN_DBPATH": "http://127.0.0.1:9",
        "MLRUN_HTTPDB__NUCLIO__EXPLICIT_ACK": "disabled",
        "MLRUN_ACTIVE_PROJECT": "another",
        "MLRUN_DEFAULT_FUNCTION_PRIORITY_CLASS_NAME": "high",
        "MLRUN_DEFAULT_FUNCTION_NODE_SELECTOR": base64.b64encode(b'{"a": "b"}').decode(),
    }
    call = "from aletheia.cli.functions import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", call, "build", "--project", str(other)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [line.removeprefix("wrote functions/") for line in sorted(done.stdout.split("\n")[:4])] == FILES
    assert contents(other) == contents(project)


def test_render_spec_job_is_documented(project):
    text = (project / "functions" / "scale" / "function.yaml").read_text()
    assert text.startswith("# Generated from notebooks/01-scale.ipynb by ")
    function = spec_of(project, "scale")
    spec = function["spec"]
    assert (function["kind"], function["metadata"]) == ("job", {"name": "scale"})
    assert spec["default_handler"] == "scale" and "image" not in spec  # MLRun takes the project's
    assert spec["description"] == "Multiply two by a factor."
    entry = spec["entry_points"]["scale"]
    assert entry["doc"] == "Multiply two\nby a factor."
    assert {p["name"]: p.get("doc") for p in entry["parameters"]} == {
        "context": None,
        "factor": "what two is multiplied by; any number",
        "names": "not used",
    }
    source = (project / "functions" / "scale" / "function.py").read_text()
    assert base64.b64decode(spec["build"]["functionSourceCode"]).decode() == source
    handler = next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    assert entry["lineno"] == handler.lineno


@pytest.mark.slow
def test_render_spec_equals_mlrun_from_notebook(project):
    """What is kept of MLRun's function is what MLRun's own way, straight from the notebook, gives."""
    import mlrun

    notebook = project / "notebooks" / "01-scale.ipynb"
    direct = mlrun.code_to_function("scale", filename=str(notebook), kind="job", handler="scale")
    ours = mlrun.import_function(str(project / "functions" / "scale" / "function.yaml"))
    ours, direct = ours.to_dict(), direct.to_dict()

    def code(function):
        return ast.dump(ast.parse(base64.b64decode(function["spec"]["build"].pop("functionSourceCode"))))

    assert code(ours) == code(direct)
    expected = {"code_origin", "origin_filename"}
    assert direct["spec"]["build"].keys() - ours["spec"]["build"].keys() == expected
    described = {"filename", "env", "state_thresholds", "entry_points", "build", "description", "tolerations"}
    for key in (direct["spec"].keys() | ours["spec"].keys()) - described:
        assert ours["spec"].get(key) == direct["spec"].get(key), key


def test_render_spec_serving_function_answers(project, monkeypatch, tmp_path):
    import mlrun

    spec = spec_of(project, "lengths")["spec"]
    assert (spec["default_class"], spec["description"]) == (
        "Lengths",
        "Answers with the length of every input.",
    )
    assert spec_of(project, "lengths")["metadata"]["labels"] == {"stage": "serving"}
    monkeypatch.chdir(tmp_path)  # no file of the project is needed
    shutil.copy(project / "functions" / "lengths" / "function.yaml", "f.yaml")
    shutil.rmtree(project)
    function = mlrun.import_function("f.yaml")
    function.add_model("lengths", model_path=str(tmp_path))
    answer = function.to_mock_server().test("/v2/models/lengths/infer", {"inputs": ["abc", ""]})
    assert answer["outputs"] == [3, 0]


def test_render_spec_configuration(tmp_path, make):
    root = make.write_project(tmp_path)
    words = "image=python:3.11 description='What it does: x' categories='[\"a\"]' requirements='[\"timm==1\"]'"
    second = '\n\n\ndef other() -> None:\n    """Do something else."""\n'
    region = f"# mlrun: config {words} handler=other\n{make.JOB}{second}"
    make.write_notebook(root / "notebooks" / "03-more.ipynb", make.notebook_cells(region))
    build_functions(root, ["more"])
    function = spec_of(root, "more")
    assert function["metadata"]["categories"] == ["a"]
    spec = function["spec"]
    assert spec["build"]["requirements"] == ["timm==1"]
    assert spec["build"]["base_image"] == "python:3.11" and "image" not in spec  # MLRun builds on it
    assert (spec["default_handler"], spec["description"]) == ("other", "What it does: x")
    assert list(spec["entry_points"]) == ["scale", "other"]


def test_build_functions_writes_only_changes(project, make):
    assert build_functions(project) == []
    yaml_file = project / "functions" / "scale" / "function.yaml"
    before = yaml_file.stat().st_mtime_ns
    make.replace_in_file(project / "notebooks" / "02-lengths.ipynb", "self.model = len", "self.model = max")
    written = build_functions(project)
    assert [path.name for path in written] == ["function.py", "function.yaml"]
    assert all(path.parent.name == "lengths" for path in written)
    assert yaml_file.stat().st_mtime_ns == before
    assert list(contents(project)) == FILES


def test_outdated_after_edits(project, make):
    scale = project / "notebooks" / "01-scale.ipynb"
    assert outdated(project) == []
    make.replace_in_file(scale, "factor * 2", "factor * 3")  # below the region
    make.replace_in_file(scale, "factor = 3.0", "factor = 4.0")  # the parameters cell
    assert outdated(project) == []
    make.replace_in_file(scale, "2 * factor", "3 * factor")
    assert outdated(project) == ["scale"]
    build_functions(project, outdated(project))
    assert outdated(project) == []
    make.replace_in_file(project / "functions" / "scale" / "function.py", "3 * factor", "4 * factor")
    (project / "functions" / "lengths" / "function.yaml").unlink()
    assert outdated(project) == ["scale", "lengths"]
    assert build_functions(project) and outdated(project) == []
    make.replace_in_file(project / "notebooks" / "02-lengths.ipynb", "# mlrun: end-code", "# the end")
    assert outdated(project) == ["lengths"]


def test_outdated_without_mlrun(project):
    call = (
        "import sys; from aletheia.project.functions import outdated; "
        f"assert outdated({str(project)!r}) == []; assert 'mlrun' not in sys.modules, 'mlrun was imported'"
    )
    subprocess.run([sys.executable, "-c", call], check=True)


def test_build_functions_broken_notebook_writes_nothing(tmp_path, make):
    root = make.write_project(tmp_path)
    make.replace_in_file(root / "notebooks" / "02-lengths.ipynb", "import mlrun.serving", "%pip install x")
    with pytest.raises(InputError, match=r"02-lengths\.ipynb, cell 3, line 3.*magic") as error:
        build_functions(root)
    assert "Nothing was generated" in str(error.value)
    assert not (root / "functions").exists()
    assert len(build_functions(root, ["scale"])) == 2


def test_build_functions_accepts_outputs(tmp_path, make):
    root = make.write_project(tmp_path)
    make.replace_in_file(root / "notebooks" / "01-scale.ipynb", '"execution_count": null', '"execution_count": 1')
    assert len(build_functions(root)) == 4


def test_build_functions_unknown_and_doubled_names(tmp_path, make):
    root = make.write_project(tmp_path)
    with pytest.raises(InputError, match=r"'other'.*scale, lengths"):
        build_functions(root, ["scale", "other"])
    make.write_notebook(root / "notebooks" / "03-scale.ipynb", make.notebook_cells(make.JOB))
    with pytest.raises(InputError, match=r"03-scale\.ipynb: .*'scale', as 01-scale\.ipynb"):
        build_functions(root, ["scale"])
    assert not (root / "functions").exists()


def test_build_functions_interrupted_keeps_old_file(project, make, monkeypatch):
    before = contents(project)
    make.replace_in_file(project / "notebooks" / "01-scale.ipynb", "2 * factor", "3 * factor")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        build_functions(project)
    assert contents(project) == before


def test_build_functions_speed(tmp_path, make):
    import mlrun  # noqa: F401  its import is not counted

    for i in range(5):
        make.write_notebook(
            tmp_path / "notebooks" / f"{i:02}-scale{i}.ipynb",
            make.notebook_cells(make.JOB.replace("def scale", f"def scale{i}")),
        )
    start = time.process_time()
    assert len(build_functions(tmp_path)) == 10
    assert time.process_time() - start < 3
