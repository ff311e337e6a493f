"""`aletheia functions check`: all differences between notebooks, functions and project.yaml."""

import pytest
import yaml
from typer.testing import CliRunner

from aletheia.cli.functions import app
from aletheia.core.errors import InputError
from aletheia.project.check import check_functions


def only(findings):
    (finding,) = findings
    return finding


def test_check_functions_generated_project_is_clean(project):
    assert check_functions(project) == []


def test_check_functions_edited_notebook_shows_diff(project, make):
    make.replace_in_file(project / "notebooks" / "01-scale.ipynb", "product = 2 * factor", "product = 3 * factor")
    findings = check_functions(project)
    assert [finding.file for finding in findings] == [f"functions/scale/function.{end}" for end in ("py", "yaml")]
    assert all(finding.rule == "differs" for finding in findings)
    assert "    -    product = 2 * factor\n    +    product = 3 * factor" in findings[0].detail
    assert all(len(line) < 200 for finding in findings for line in str(finding).split("\n")[1:])
    assert "functionSourceCode: <sha256" in findings[1].detail


def test_check_functions_long_diff_is_cut(project, make):
    lines = "".join(f"    factor += {i}\n" for i in range(99))
    make.replace_in_file(project / "functions" / "scale" / "function.py", "    return", f"{lines}    return")
    detail = only(check_functions(project)).detail
    assert detail.count("\n") == 20 and "more lines" in detail.split("\n")[-1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b"kind: job", b"kind: dask"),
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data + b"\n",
        lambda data: data[:-1],
        lambda data: data.replace(b"job", b"\xff"),
        lambda data: b"",
    ],
)
def test_check_functions_changed_byte(project, damage):
    path = project / "functions" / "scale" / "function.yaml"
    path.write_bytes(damage(path.read_bytes()))
    finding = only(check_functions(project))
    assert (finding.rule, finding.file) == ("differs", "functions/scale/function.yaml")
    assert finding.detail.count("\n") > 2


def test_check_functions_missing_files(project):
    (project / "functions" / "scale" / "function.py").unlink()
    assert only(check_functions(project)).file == "functions/scale/function.py"
    (project / "functions" / "scale" / "function.yaml").unlink()
    finding = only(check_functions(project))
    assert finding.rule == "missing" and "not generated yet" in finding.message


def test_check_functions_stray_files(project):
    functions = project / "functions"
    for name in ("old/function.yaml", "notes.txt", "scale/helper.py", "scale/__pycache__/x.pyc", ".hidden"):
        (functions / name).parent.mkdir(exist_ok=True)
        (functions / name).touch()
    findings = check_functions(project)
    assert {finding.file for finding in findings} == {f"functions/{n}" for n in ("old", "notes.txt", "scale/helper.py")}
    assert {finding.rule for finding in findings} == {"stray"}


def test_check_functions_includes_lint(project, make):
    make.replace_in_file(project / "notebooks" / "01-scale.ipynb", '"parameters"', '"parameter"')
    finding = only(check_functions(project))
    assert (finding.rule, finding.file) == ("parameters", "notebooks/01-scale.ipynb")


def test_check_functions_removed_notebook(project):
    (project / "notebooks" / "02-lengths.ipynb").unlink()
    assert {(f.rule, f.file) for f in check_functions(project)} == {
        ("stray", "functions/lengths"),
        ("project", "project.yaml"),
    }


def url(name):
    return f"functions/{name}/function.yaml"


SCALE, LENGTHS, OLD = ((name, url(name)) for name in ("scale", "lengths", "old"))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([SCALE], ["not list the function 'lengths'"]),
        (None, ["not list the function 'scale'", "not list the function 'lengths'"]),
        (
            [SCALE, ("lengths", "notebooks/02-lengths.ipynb")],
            ["'notebooks/02-lengths.ipynb'"],
        ),
        ([SCALE, ("lengths", None)], ["url of the function 'lengths'"]),
        (
            [SCALE, LENGTHS, OLD],
            ["'old', which no notebook"],
        ),
        ([SCALE, LENGTHS, SCALE], ["listed twice"]),
        ([LENGTHS, SCALE], ["another order"]),
        ([("scale", "./" + url("scale")), LENGTHS, ("hub", "hub://describe")], []),
    ],
)
def test_check_functions_project_yaml_entries(project, entries, words):
    path = project / "project.yaml"
    content = yaml.safe_load(path.read_text())
    content["spec"]["functions"] = entries and [{"name": name} | ({"url": url} if url else {}) for name, url in entries]
    path.write_text(yaml.safe_dump(content))
    findings = check_functions(project)
    assert len(findings) == len(words)
    for finding, word in zip(findings, words, strict=True):
        assert (finding.rule, finding.file) == ("project", "project.yaml") and word in finding.message


@pytest.mark.parametrize("content", ["", "[]", "a: [", "spec: {functions: [x]}", "kind: project"])
def test_check_functions_unusable_project_yaml(project, content):
    (project / "project.yaml").write_text(content)
    with pytest.raises(InputError, match=r"project\.yaml is no MLRun project"):
        check_functions(project)


def test_functions_command_check_and_build(project, make, monkeypatch):
    run = CliRunner().invoke
    monkeypatch.setenv("MLRUN_DBPATH", "http://127.0.0.1:9")
    monkeypatch.delenv("MLRUN_IGNORE_ENV_FILE", raising=False)
    arguments = ["--project", str(project)]
    clean = run(app, ["check", *arguments])
    assert clean.exit_code == 0 and "agree" in clean.output

    make.replace_in_file(project / "notebooks" / "01-scale.ipynb", "2 * factor", "3 * factor")
    found = run(app, ["check", *arguments])
    assert found.exit_code == 1 and "functions/scale/function.py: " in found.output and "2 to mend" in found.output

    built = run(app, ["build", "scale", *arguments])
    assert built.exit_code == 0
    assert built.output == "wrote functions/scale/function.py\nwrote functions/scale/function.yaml\n"
    assert run(app, ["check", *arguments]).exit_code == 0
    assert "up to date" in run(app, ["build", *arguments]).output

    wrong = run(app, ["build", "nothing", *arguments])
    assert isinstance(wrong.exception, InputError)
    (project / "project.yaml").unlink()
    assert isinstance(run(app, ["check", *arguments]).exception, InputError)
    import os

    assert os.environ["MLRUN_DBPATH"] == "http://127.0.0.1:9" and "MLRUN_IGNORE_ENV_FILE" not in os.environ
