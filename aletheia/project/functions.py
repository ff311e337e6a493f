"""Functions generated from notebooks, reproducibly: ``functions/<name>/function.yaml`` and ``function.py``.

MLRun makes the function (``mlrun.code_to_function``) from the notebook's marked region; written is only what
follows from the notebook. Everything else that MLRun puts into a function comes from where it was made (path
and commit of the checkout, project, tag, hash, replicas and other defaults of the server in use) and is
filled in again where the function is imported.

``function.py`` is the region as a module. The YAML embeds the same text, so that a function needs no other
file than its YAML, and imports what it needs from the installed package ``aletheia``.
"""

from __future__ import annotations

import ast
import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.project.entrypoints import entry_point, public_functions
from aletheia.project.lint import lint_notebook
from aletheia.project.lint_code import choose_handler
from aletheia.project.lint_finding import Finding
from aletheia.project.notebooks import (
    FunctionConfig,
    Notebook,
    Region,
    find_region,
    function_name,
    notebook_paths,
    read_config,
    read_notebook,
)
from aletheia.project.project_yaml import FILE, write_functions

FOLDER = "functions"
SPEC, SOURCE = "function.yaml", "function.py"
#: Goes into the hash: raise it when the same notebook shall give other files.
_FORMAT = "2"
_HASH = "# sha256 of function.py: "
#: The fields of MLRun's function that follow from the notebook, in the order in which they are written.
_KEPT = (
    "kind",
    "metadata.name",
    "metadata.labels",
    "metadata.categories",
    "spec.description",
    "spec.image",
    "spec.default_handler",
    "spec.default_class",
    "spec.function_kind",
    "spec.function_handler",
    "spec.build.base_image",
    "spec.build.requirements",
    "spec.build.functionSourceCode",
    "spec.entry_points",
)


def build_functions(project_root: str | Path, names: Iterable[str] | None = None) -> list[Path]:
    """Generate the functions of a project from its notebooks, and list them in ``project.yaml`` where there is one.

    Parameters
    ----------
    project_root
        The folder that has ``notebooks/`` in it; ``functions/`` is made beside it.
    names
        The functions to generate; by default all. All are listed.

    Returns
    -------
    list of path
        The files that were written; those that were already right are left alone.

    Raises
    ------
    InputError
        When a notebook breaks a rule without which its function would be broken (nothing is written then), or
        no notebook makes a function of a given name.
    """
    root = Path(project_root)
    all_paths = notebook_paths(root)
    paths = {function_name(path): path for path in all_paths}
    chosen = list(paths) if names is None else list(dict.fromkeys(names))
    if unknown := [name for name in chosen if name not in paths]:
        raise InputError(f"No notebook makes the function {unknown[0]!r}. There are: {', '.join(paths)}.")
    findings = duplicate_names(all_paths) + [finding for name in chosen for finding in lint_notebook(paths[name], root)]
    if blocking := [str(finding) for finding in findings if finding.blocking]:
        raise InputError("\n".join(["Nothing was generated. First mend:", *blocking]))
    notebooks = [read_notebook(paths[name]) for name in chosen]
    generated = [(notebook, generated_files(notebook)) for notebook in notebooks]
    written = []
    for notebook, files in generated:
        folder = root / FOLDER / notebook.name
        written += [folder / name for name, text in files.items() if _write(folder / name, text)]
    return written + (write_functions(root, list(paths)) if (root / FILE).is_file() else [])


def function_names(project_root: Path) -> list[str]:
    """Return the names of the functions that the notebooks make, in the notebooks' order."""
    return list(dict.fromkeys(function_name(path) for path in notebook_paths(project_root)))


def outdated(project_root: str | Path) -> list[str]:
    """Return the names of the functions whose files were not made from the notebook as it is now.

    Quick (MLRun is not imported): compares the source with ``function.py`` and the hash in ``function.yaml``.
    """
    root = Path(project_root)
    names = []
    for path in notebook_paths(root):
        folder = root / FOLDER / function_name(path)
        try:
            source = render_source(read_notebook(path))
        except InputError:
            names.append(function_name(path))  # generating it reports what is wrong
            continue
        spec = _read(folder / SPEC) or ""
        if _read(folder / SOURCE) != source or _HASH + _hash(source) not in spec.split("\n")[:4]:
            names.append(function_name(path))
    return names


def render_source(notebook: Notebook) -> str:
    """Return the text of ``function.py``: a line on where it comes from, and the marked region.

    Raises
    ------
    InputError
        When the notebook has not exactly one marked region.
    """
    return f"{_origin(notebook)}\n\n{_region(notebook).code}"


def render_spec(notebook: Notebook) -> str:
    """Return the text of ``function.yaml``.

    Raises
    ------
    InputError
        When the notebook has not exactly one marked region, or MLRun refuses it.
    """
    source = render_source(notebook)
    tree = ast.parse(source)
    config, _ = read_config(_region(notebook))
    handler = choose_handler(tree, config, notebook.name) or ""
    function = _make_function(notebook, source, config, handler, config.description or _summary(tree, handler))
    if config.kind == "serving":
        function.spec.default_class = handler
    else:
        function.spec.entry_points = {node.name: entry_point(node, config.options) for node in public_functions(tree)}
    return f"{_origin(notebook)}\n{_HASH}{_hash(source)}\n{_dump(_keep(function.to_dict()))}"


def _make_function(notebook: Notebook, source: str, config: FunctionConfig, handler: str, description: str) -> Any:
    """Let MLRun make a function of a module's source."""
    import mlrun

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{notebook.name}.py"
        file.write_bytes(source.encode())
        try:
            return mlrun.code_to_function(
                notebook.name,
                filename=str(file),
                kind=config.kind,
                image=config.image,
                handler="" if config.kind == "serving" else handler,
                description=description,
                requirements=config.requirements or None,
                categories=config.categories or None,
                labels=config.labels or None,
                with_doc=False,
            )
        except (ValueError, mlrun.errors.MLRunBaseError) as error:
            raise InputError(f"MLRun makes no function of {notebook.file}: {error}") from error


def _region(notebook: Notebook) -> Region:
    region = find_region(notebook)
    if region is None:
        raise InputError(f"{notebook.file} has not exactly one region '# mlrun: start-code' … 'end-code'.")
    return region


def generated_files(notebook: Notebook) -> dict[str, str]:
    """Return the files of the notebook's function: file name → text."""
    return {SOURCE: render_source(notebook), SPEC: render_spec(notebook)}


def _origin(notebook: Notebook) -> str:
    return f"# Generated from {notebook.file} by `aletheia functions build`. Edit the notebook, not this file."


def _hash(source: str) -> str:
    return hashlib.sha256(f"{_FORMAT}\n{source}".encode()).hexdigest()


def _summary(tree: ast.Module, name: str) -> str:
    """Return the first paragraph of the docstring of the handler or class, on one line."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
    return ""


def _keep(function: dict[str, Any]) -> dict[str, Any]:
    """Return the kept fields that hold something, as nested dictionaries in a fixed order."""
    kept: dict[str, Any] = {}
    for key in _KEPT:
        *parents, last = key.split(".")
        value: Any = function
        for part in [*parents, last]:
            value = value.get(part) if isinstance(value, dict) else None
        if value:
            inner = kept
            for part in parents:
                inner = inner.setdefault(part, {})
            inner[last] = value
    return kept


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML has no types
    """Texts of several lines in literal style; no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def _dump(struct: dict[str, Any]) -> str:
    text: str = yaml.dump(struct, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> bool:
    """Write a file unless it already holds exactly this; return whether it was written."""
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    with replacing(path) as file:
        file.write(data)
    return True


def duplicate_names(paths: Iterable[Path]) -> list[Finding]:
    """Return findings on notebooks that would make the function of another."""
    by_name: dict[str, Path] = {}
    findings = []
    for path in paths:
        first = by_name.setdefault(function_name(path), path)
        if first != path:
            message = f"It makes the function {function_name(path)!r}, as {first.name} does."
            findings.append(Finding("file-name", f"notebooks/{path.name}", message, "Rename one of them."))
    return findings
