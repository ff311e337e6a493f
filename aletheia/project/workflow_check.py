"""Steps of a workflow against the functions that they run: names, handlers, parameters, inputs and outputs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from aletheia.core.errors import InputError
from aletheia.project.call_check import unknown_text
from aletheia.project.functions import FOLDER, SPEC
from aletheia.project.lint_finding import Finding
from aletheia.project.run_config import RunConfig

_REMEDY = "Correct the workflow."


def check_workflow(root: Path, file: Path) -> list[Finding]:
    """Check every ``run_function`` in a workflow that names its function by a text.

    Parameters and inputs that stand in the call as texts, or come from ``config.params("group", …)``, are compared with
    those of the handler; results of calls that are not known before the workflow runs are left alone.

    Parameters
    ----------
    root : Path
        The project's folder, which has ``functions/``.
    file : Path
        The workflow.
    """
    tree = ast.parse(file.read_text())
    name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
    outputs = dict(_declared_outputs(tree))
    steps = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_step(node)]
    findings = [
        Finding("workflow", name, text, _REMEDY, line=step.lineno) for step in steps for text in _check_step(root, step)
    ]
    for node in ast.walk(tree):
        used = _used_output(node)
        if used and used[0] in outputs and used[1] not in outputs[used[0]]:
            text = unknown_text(f"the step {used[0]!r}", "output", used[1], outputs[used[0]])
            findings.append(Finding("workflow", name, text, _REMEDY, line=getattr(node, "lineno", None)))
    return findings


def refuse_faulty_workflow(file: Path) -> None:
    """Refuse a workflow whose steps do not fit the functions of its project, before the first of them runs.

    A workflow elsewhere than in a folder of a project with generated functions is left alone.

    Raises
    ------
    InputError
        Naming the first fault.
    """
    root = file.parent.parent
    if not (root / FOLDER).is_dir():
        return
    for finding in check_workflow(root, file):
        raise InputError(f"{finding.file}, line {finding.line}: {finding.message} {finding.remedy}")


def _is_step(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "run_function" and bool(call.args)


def _check_step(root: Path, call: ast.Call) -> Iterator[str]:
    function = _text(call.args[0])
    arguments = {word.arg: word.value for word in call.keywords if word.arg}
    if function is None or "://" in function:
        return
    spec = _specification(root, function)
    if spec is None:
        known = sorted(path.name for path in (root / FOLDER).iterdir() if path.is_dir())
        yield unknown_text("the project", "function", function, known)
        return
    handler = _text(arguments.get("handler")) or str(spec.get("default_handler"))
    entries = spec.get("entry_points") or {}
    if handler not in entries:
        yield unknown_text(function, "handler", handler, entries)
        return
    known = [parameter["name"] for parameter in entries[handler]["parameters"] if parameter["name"] != "context"]
    for kind, argument in (("parameter", "params"), ("input", "inputs"), ("parameter", "hyperparams")):
        for name in _keys(arguments.get(argument)):
            if name not in known:
                yield unknown_text(handler, kind, name, known)


def _specification(root: Path, function: str) -> dict[str, Any] | None:
    file = root / FOLDER / function / SPEC
    if not file.is_file():
        return None
    spec: dict[str, Any] = yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["spec"]
    return spec


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _keys(node: ast.expr | None) -> Iterator[str]:
    """Return the keys of a dictionary that are known: texts, and those of ``config.params("group", …)`` in it."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                yield from _keys(value)
            elif (text := _text(key)) is not None:
                yield text
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "params":
        names = [_text(argument) for argument in node.args]
        yield from RunConfig.option_names(*(name for name in names if name is not None)) if all(names) else ()


def _declared_outputs(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _is_step(node.value):
            for word in node.value.keywords:
                if word.arg == "outputs" and isinstance(word.value, ast.List):
                    declared = [text for item in word.value.elts if (text := _text(item)) is not None]
                    yield from ((target.id, declared) for target in node.targets if isinstance(target, ast.Name))


def _used_output(node: ast.AST) -> tuple[str, str] | None:
    """Read ``step.outputs["name"]``."""
    if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute)):
        return None
    name, step = _text(node.slice), node.value.value
    if node.value.attr != "outputs" or name is None or not isinstance(step, ast.Name):
        return None
    return step.id, name
