"""Comparison of notebooks, generated functions and ``project.yaml``."""

from __future__ import annotations

import difflib
import hashlib
import re
from pathlib import Path, PurePosixPath

from aletheia.core.errors import InputError
from aletheia.project.functions import FOLDER, SOURCE, SPEC, duplicate_names, generated_files
from aletheia.project.lint import lint_notebook
from aletheia.project.lint_finding import Finding
from aletheia.project.notebooks import function_name, notebook_paths, read_notebook
from aletheia.project.project_yaml import FILE, function_url, listed_functions, read_definition
from aletheia.project.workflow_check import check_workflow

_REMEDY = "Run 'aletheia functions build' (make functions) and commit the result."
_DIFF_LINES = 20


def check_functions(project_root: str | Path) -> list[Finding]:
    """Check notebooks, generated files, ``project.yaml``, and that its workflows' steps fit the functions.

    Returns
    -------
    list of Finding
        In that order; empty when all agree and no notebook breaks a rule.

    Raises
    ------
    InputError
        When there are no notebooks or there is no readable ``project.yaml``.
    """
    root = Path(project_root)
    paths = notebook_paths(root)
    findings = duplicate_names(paths)
    for path in paths:
        breaches = lint_notebook(path, root)
        findings += breaches
        if not any(finding.blocking for finding in breaches):
            findings += _differences(root, path)
    names = list(dict.fromkeys(function_name(path) for path in paths))
    findings += _strays(root, names) + _listing(root, names)
    for workflow in read_definition(root).get("spec", {}).get("workflows") or ():
        if (file := root / str(workflow.get("path", ""))).is_file():
            findings += check_workflow(root, file)
    return findings


def _differences(root: Path, path: Path) -> list[Finding]:
    notebook = read_notebook(path)
    findings = []
    try:
        expected = generated_files(notebook)
    except InputError as error:
        return [Finding("refused", notebook.file, str(error), "Mend the notebook.")]
    if not any((root / FOLDER / notebook.name / name).is_file() for name in expected):
        message = f"The function of {notebook.file} is not generated yet."
        return [Finding("missing", f"{FOLDER}/{notebook.name}", message, _REMEDY)]
    for name, text in expected.items():
        file = f"{FOLDER}/{notebook.name}/{name}"
        if not (root / file).is_file():
            findings.append(Finding("missing", file, f"The file of {notebook.file} is missing.", _REMEDY))
        elif (data := (root / file).read_bytes()) != text.encode():
            message = f"The file is not what {notebook.file} gives."
            detail = _diff(data.decode(errors="replace"), text, file)
            findings.append(Finding("differs", file, message, _REMEDY, detail=detail))
    return findings


def _diff(old: str, new: str, file: str) -> str:
    """Return a short unified diff, the embedded code replaced by its hash."""
    labels = (f"{file} (as it is)", f"{file} (generated)")
    lines = list(difflib.unified_diff(_legible(old), _legible(new), *labels, n=1, lineterm=""))
    more = [f"… {len(lines) - _DIFF_LINES} more lines"] if len(lines) > _DIFF_LINES else []
    return "\n".join(f"    {line[:160]}" for line in lines[:_DIFF_LINES] + more)


def _legible(text: str) -> list[str]:
    def shorten(match: re.Match[str]) -> str:
        return f"{match[1]}<sha256 {hashlib.sha256(match[2].encode()).hexdigest()[:16]}>"

    # Line ends are kept visible: a file that differs only in them differs too.
    lines = re.sub(r"(functionSourceCode: )(\S+)", shorten, text).split("\n")
    return [line.replace("\r", "\\r") for line in lines]


def _strays(root: Path, names: list[str]) -> list[Finding]:
    findings = []
    folder = root / FOLDER
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        file = f"{FOLDER}/{entry.name}"
        if entry.name.startswith((".", "__")):
            continue
        if entry.name not in names or not entry.is_dir():
            message = "No notebook makes this."
            findings.append(Finding("stray", file, message, "Delete it, or restore the notebook."))
            continue
        for inner in sorted(entry.iterdir()):
            if inner.name not in (SPEC, SOURCE) and not inner.name.startswith((".", "__")):
                message = f"Only {SPEC} and {SOURCE} belong here: the folder is generated."
                findings.append(Finding("stray", f"{file}/{inner.name}", message, "Move it elsewhere."))
    return findings


def _listing(root: Path, names: list[str]) -> list[Finding]:
    """Compare ``spec.functions`` of project.yaml with the notebooks; functions from a hub are left alone."""
    messages = []
    listed: list[str] = []
    for entry in listed_functions(read_definition(root)):
        name, url = str(entry.get("name", "")), str(entry.get("url", ""))
        if name in listed:
            messages.append(f"The function {name!r} is listed twice.")
        elif name in names:
            if str(PurePosixPath(url)) != function_url(name):
                messages.append(f"The url of the function {name!r} is {url!r}.")
        elif "://" not in url:
            messages.append(f"It lists the function {name!r}, which no notebook makes.")
        listed.append(name)
    messages += [f"It does not list the function {name!r}." for name in names if name not in listed]
    if not messages and [name for name in listed if name in names] != names:
        messages.append("It lists the functions in another order than that of the notebooks.")
    return [Finding("project", FILE, message, _REMEDY) for message in messages]
