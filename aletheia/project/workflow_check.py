"""Steps of a workflow against the functions that they run: names, handlers, parameters, inputs and outputs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from aletheia.core.errors import InputError
from aletheia.project.call_check import unknown_text
from aletheia.project.function_outputs import OF_A_GRID, function_outputs
from aletheia.project.functions import FOLDER, SOURCE, SPEC
from aletheia.project.lint_finding import Finding
from aletheia.project.run_config import RunConfig
from aletheia.project.search_options import column_names
from aletheia.project.static_values import UNKNOWN, Known, Scope, walk

_REMEDY = "Correct the workflow."


def check_workflow(root: Path, file: Path) -> list[Finding]:
    """Check every ``run_function`` in a workflow that names its function by a text.

    Parameters and inputs are compared with those of the handler, as far as their names are known without running the
    workflow: keys of literals, of ``dict(…)``, unions, comprehensions, variables, and of ``config.params("group", …)``.
    Outputs, those that a step declares and those that another step takes, are compared with what the function logs
    (`aletheia.project.function_outputs`).

    Parameters
    ----------
    root : Path
        The project's folder, which has ``functions/``.
    file : Path
        The workflow.
    """
    tree = ast.parse(file.read_text())
    name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
    nodes = list(walk(tree, _config_keys))
    outputs = dict(_declared_outputs(nodes))
    findings = []
    for node, scope in nodes:
        texts: list[str] = []
        if isinstance(node, ast.Call):
            texts = [*_check_options(node, scope), *(_check_step(root, node, scope) if _is_step(node) else ())]
        for step, output in _used_outputs(node, scope):
            if step in outputs and output not in outputs[step]:
                texts.append(unknown_text(f"the step {step!r}", "output", output, outputs[step]))
        findings += [Finding("workflow", name, text, _REMEDY, line=getattr(node, "lineno", None)) for text in texts]
    return sorted(findings, key=lambda finding: finding.line or 0)


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
    return isinstance(call.func, ast.Attribute) and call.func.attr == "run_function"


def _check_step(root: Path, call: ast.Call, scope: Scope) -> Iterator[str]:
    arguments = {word.arg: word.value for word in call.keywords if word.arg}
    for function in scope.texts(call.args[0] if call.args else arguments.get("function")).texts:
        if "://" in function:
            continue
        spec = _specification(root, function)
        if spec is None:
            known = sorted(path.name for path in (root / FOLDER).iterdir() if path.is_dir())
            yield unknown_text("the project", "function", function, known)
            continue
        yield from _check_outputs(root, function, scope.elements(arguments.get("outputs")).texts)
        entries = spec.get("entry_points") or {}
        named = scope.texts(arguments["handler"]).texts if "handler" in arguments else (spec.get("default_handler"),)
        for handler in named:
            if handler in entries:
                yield from _check_names(entries[handler], arguments, scope)
            else:
                yield unknown_text(function, "handler", str(handler), entries)


def _check_names(entry: dict[str, Any], arguments: dict[str, ast.expr], scope: Scope) -> Iterator[str]:
    """Compare parameters and inputs of a step with those of its handler."""
    known = [parameter["name"] for parameter in entry["parameters"] if parameter["name"] != "context"]
    for kind, argument in (("parameter", "params"), ("input", "inputs"), ("parameter", "hyperparams")):
        for name in scope.keys(arguments.get(argument)).texts:
            is_column = argument == "hyperparams" and "search_columns" in known and name in column_names()
            if name not in known and not is_column:
                yield unknown_text(entry["name"], kind, name, known)


def _check_outputs(root: Path, function: str, outputs: tuple[str, ...]) -> Iterator[str]:
    """Compare the outputs that a step declares with those that its function logs."""
    source = root / FOLDER / function / SOURCE
    known = function_outputs(source.read_text()) if outputs and source.is_file() else UNKNOWN
    for output in outputs:
        if known.complete and output not in (*known.texts, *OF_A_GRID):
            yield unknown_text(function, "output", output, known.texts)


def _specification(root: Path, function: str) -> dict[str, Any] | None:
    file = root / FOLDER / function / SPEC
    if not file.is_file():
        return None
    spec: dict[str, Any] = yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["spec"]
    return spec


def _is_params(call: ast.Call) -> bool:
    """Whether it is ``config.params("group", …)``, of a configuration or one of its class."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "params"


def _config_keys(call: ast.Call, scope: Scope) -> Known | None:
    """Return the options that ``config.params("group", …)`` gives."""
    if not _is_params(call):
        return None
    names = scope.elements(ast.Tuple(call.args, ast.Load()))
    if not names.complete or any(name not in RunConfig.groups_and_options() for name in names.texts):
        return UNKNOWN
    return Known(tuple(RunConfig.option_names(*names.texts)))


def _check_options(call: ast.Call, scope: Scope) -> Iterator[str]:
    """Find groups and options that a run does not have in ``config.params("group", …)``."""
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    if _is_params(call) and isinstance(receiver, ast.Name) and receiver.id == "config":
        known = RunConfig.groups_and_options()
        for name in scope.elements(ast.Tuple(call.args, ast.Load())).texts:
            if name not in known:
                yield unknown_text("a run", "option or group of options", name, known)


def _declared_outputs(nodes: list[tuple[ast.AST, Scope]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for node, scope in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _is_step(node.value):
            for word in node.value.keywords:
                declared = scope.elements(word.value)
                if word.arg == "outputs" and declared.complete:
                    yield from ((target.id, declared.texts) for target in node.targets if isinstance(target, ast.Name))


def _used_outputs(node: ast.AST, scope: Scope) -> Iterator[tuple[str, str]]:
    """Read ``step.outputs["name"]``: the step, and the names that can stand there."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "outputs":
        step = node.value.value
        if isinstance(step, ast.Name):
            yield from ((step.id, name) for name in scope.texts(node.slice).texts)
