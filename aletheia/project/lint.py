"""Rules that a notebook keeps so that its function does what its cells show; one message for each breach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError
from aletheia.project.lint_code import lint_region
from aletheia.project.lint_finding import Finding
from aletheia.project.notebooks import (
    FILE_NAME,
    Notebook,
    Region,
    config_lines,
    find_region,
    markers,
    read_notebook,
)

#: Metadata that programs write on their own. The nbstripout of .pre-commit-config.yaml removes the same.
VOLATILE = (
    "metadata.widgets",
    "metadata.papermill",
    "metadata.vscode",
    "metadata.language_info.version",
    "cell.metadata.collapsed",
    "cell.metadata.ExecuteTime",
    "cell.metadata.execution",
    "cell.metadata.heading_collapsed",
    "cell.metadata.hidden",
    "cell.metadata.scrolled",
    "cell.metadata.papermill",
    "cell.metadata.vscode",
)
_START, _END = "# mlrun: start-code", "# mlrun: end-code"


def lint_notebook(path: Path, project_root: Path) -> list[Finding]:
    """Return all findings of one notebook, in the order of its cells."""
    try:
        notebook = read_notebook(path)
    except InputError as error:
        return [Finding("unreadable", f"notebooks/{path.name}", str(error), "")]
    findings = [*_file_name(notebook), *_parameters_cell(notebook), *_markers(notebook)]
    region = find_region(notebook)
    findings += _config_outside(notebook, region)
    if region:
        findings += lint_region(notebook, region, project_root)
    findings += _stripped(notebook)
    return sorted(findings, key=lambda finding: (finding.cell or 0, finding.line or 0))


def _file_name(notebook: Notebook) -> Iterator[Finding]:
    if not FILE_NAME.fullmatch(notebook.path.name):
        yield Finding(
            "file-name",
            notebook.file,
            f"The name {notebook.path.name!r} is not of the form NN-name.ipynb.",
            "Use two digits, then lower-case words joined by hyphens (no dots, no underscores): "
            "03-train.ipynb becomes the function 'train'.",
        )


def _parameters_cell(notebook: Notebook) -> Iterator[Finding]:
    code = [cell for cell in notebook.cells if cell.kind == "code"]
    tagged = [cell for cell in notebook.cells if "parameters" in cell.tags]
    remedy = "Tag the first code cell, and no other, 'parameters' (in JupyterLab: the gear at the right)."
    if not tagged:
        yield Finding("parameters", notebook.file, "No cell is tagged 'parameters' for papermill.", remedy)
    for cell in tagged[1:]:
        yield Finding("parameters", notebook.file, "A second cell is tagged 'parameters'.", remedy, cell.number, 1)
    if tagged and (not code or tagged[0].number != code[0].number):
        message = "The cell tagged 'parameters' is not the first code cell."
        yield Finding("parameters", notebook.file, message, remedy, tagged[0].number, 1)
    ends = [marker.cell for marker in markers(notebook)]
    for cell in tagged:
        if ends and min(ends) <= cell.number <= max(ends):
            yield Finding(
                "parameters-in-region",
                notebook.file,
                "The cell tagged 'parameters' lies inside the marked region.",
                f"Move it above {_START!r}: a handler gets parameters as arguments.",
                cell.number,
                1,
            )


def _markers(notebook: Notebook) -> Iterator[Finding]:
    all_markers = list(markers(notebook))
    for marker in all_markers:
        if not marker.is_alone:
            named = f" (the name {marker.name!r} follows)" if marker.name else ""
            yield Finding(
                "markers",
                notebook.file,
                f"The marker {marker.kind!r} is not alone on its line{named}; MLRun cuts there all the same.",
                f"Write '# mlrun: {marker.kind}' on a line of its own, and nowhere else in code.",
                marker.cell,
                marker.line,
            )
    starts = [marker for marker in all_markers if marker.kind == "start-code"]
    ends = [marker for marker in all_markers if marker.kind == "end-code"]
    if not starts:
        message = f"No code cell holds {_START!r}: MLRun would take the whole notebook for the function."
        yield Finding("markers", notebook.file, message, "Put it above the imports of the handler.")
    if starts and not ends:
        message = f"There is no {_END!r}: MLRun would take everything to the last cell."
        yield Finding("markers", notebook.file, message, "Put it below the handler.", starts[0].cell, starts[0].line)
    for marker in [*starts[1:], *ends[1:]]:
        message = f"A second '# mlrun: {marker.kind}': one notebook holds one region."
        remedy = "Remove it, or move the second region to a notebook of its own."
        yield Finding("markers", notebook.file, message, remedy, marker.cell, marker.line)
    if len(starts) == len(ends) == 1:
        first = all_markers[0]
        if first is ends[0]:
            message = f"{_END!r} stands before {_START!r}."
            yield Finding("markers", notebook.file, message, "Swap them.", first.cell, first.line)
        elif find_region(notebook) is None:
            message = "There is no code between the markers."
            remedy = "Put the handler between them."
            yield Finding("markers", notebook.file, message, remedy, first.cell, first.line)


def _config_outside(notebook: Notebook, region: Region | None) -> Iterator[Finding]:
    inside = set(region.origin) if region else set()
    for cell in notebook.cells:
        for line, _ in config_lines(cell.lines if cell.kind == "code" else ()):
            if (cell.number, line) not in inside:
                message = "This configuration stands outside of the marked region and is not read."
                remedy = f"Move it below {_START!r}."
                yield Finding("config", notebook.file, message, remedy, cell.number, line)


def _stripped(notebook: Notebook) -> Iterator[Finding]:
    """Find outputs and what programs write into metadata: fine while working, not in git."""
    remedy = "Run pre-commit (nbstripout), or in JupyterLab clear all outputs and save."
    for cell in notebook.cells:
        parts = ["outputs"] * cell.has_outputs + ["an execution count"] * (cell.execution_count is not None)
        parts += [f"the metadata {key!r}" for key in VOLATILE if _has(cell.metadata, key, "cell.metadata.")]
        if parts:
            message = f"The cell holds {', '.join(parts)}."
            yield Finding("outputs", notebook.file, message, remedy, cell.number, 1)
    for key in VOLATILE:
        if _has(notebook.metadata, key, "metadata."):
            yield Finding("outputs", notebook.file, f"The notebook holds {key!r}.", remedy)
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    if not kernel:
        message = "The notebook names no kernel: JupyterLab asks for one, and papermill refuses it."
        yield Finding("kernel", notebook.file, message, "Choose the kernel 'python3' and save.")
    elif kernel != "python3":
        message = f"The kernel is {kernel!r}, which other machines do not have."
        yield Finding("kernel", notebook.file, message, "Choose the kernel 'python3' and save.")


def _has(metadata: dict[str, Any], key: str, prefix: str) -> bool:
    """Return whether the metadata hold a dotted key of VOLATILE, looked up without its prefix."""
    if not key.startswith(prefix):
        return False
    value: Any = metadata
    for part in key.removeprefix(prefix).split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True
