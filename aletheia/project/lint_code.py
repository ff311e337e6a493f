"""Rules for the code of a marked region: plain Python, a documented handler, nothing from outside."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aletheia.project.entrypoints import (
    FunctionNode,
    literal,
    parameters,
    parse_docstring,
    public_classes,
    public_functions,
)
from aletheia.project.function_outputs import not_logged
from aletheia.project.lint_finding import Finding
from aletheia.project.notebooks import FunctionConfig, Notebook, Region, read_config
from aletheia.project.unbound_names import module_names, unbound_names

_MAGIC = re.compile(r"\s*(%{1,2}\w|!|\?)|[\w, .\[\]]+=\s*(!|%\w)|\s*[\w.]+\?{1,2}\s*$")
_KEYS = ", ".join(field.alias or key for key, field in FunctionConfig.model_fields.items())
_CONFIG_REMEDY = f'The keys are {_KEYS}; lists and objects in JSON, quoted: labels=\'{{"stage": "data"}}\'.'
_HOME = re.compile(r"/(home|Users|root|mnt|media)/|~[/\\]|[A-Za-z]:[\\/]")


def choose_handler(tree: ast.Module, config: FunctionConfig, name: str) -> str | None:
    """Return the default handler (of a job) or class (of a serving function), None when the region leaves it open.

    It is the configured one; else the public function named like the notebook; else the only public one there is.
    """
    serving = config.kind == "serving"
    configured = config.default_class if serving else config.handler
    if configured:
        return configured
    names = [node.name for node in (public_classes(tree) if serving else public_functions(tree))]
    if name.replace("-", "_") in names:
        return name.replace("-", "_")
    return names[0] if len(names) == 1 else None


def lint_region(notebook: Notebook, region: Region, project_root: Path) -> list[Finding]:
    """Return all findings inside the region of a notebook."""
    return [Finding(file=notebook.file, **breach) for breach in _breaches(notebook, region, project_root)]


def _breaches(notebook: Notebook, region: Region, project_root: Path) -> Iterator[dict[str, Any]]:
    config, problems = read_config(region)
    for line, message in problems:
        yield _breach(region, "config", line, message, _CONFIG_REMEDY)
    tree, problem = _parse(region.code)
    magics = [
        number
        for number, line in enumerate(region.code.split("\n"), 1)
        if line[:1] in ("%", "!") or "%nuclio" in line or (tree is None and _MAGIC.match(line))
    ]
    for line in magics:
        text = region.code.split("\n")[line - 1].strip()
        message = f"{text!r} is a magic or shell line, which is lost or fails in the function."
        yield _breach(region, "magic", line, message, "Move it outside of the region or write it in Python.")
    if tree is None and not magics:
        line = getattr(problem, "lineno", None) or 1
        message = f"The region is not Python: {getattr(problem, 'msg', problem)}."
        yield _breach(region, "syntax", line, message, "Mend it; the function is a plain module, not a cell.")
    if tree is None:
        return
    yield from _handlers(notebook, region, tree, config)
    for output in not_logged(tree, config.outputs):
        message = f"The output {output!r} is declared, but logged under no such key."
        yield _breach(region, "outputs", 1, message, "Correct '# mlrun: config outputs=…', or the key.")
    yield from _names(notebook, region, tree)
    yield from _laptop(notebook, region, tree, project_root)


def _parse(code: str) -> tuple[ast.Module, None] | tuple[None, Exception]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
            compile(tree, "region", "exec", dont_inherit=True)  # finds a stray 'return' or 'await', too
        return tree, None
    except (SyntaxError, ValueError) as error:
        return None, error


def _breach(region: Region, rule: str, line: int, message: str, remedy: str) -> dict[str, Any]:
    return {"rule": rule, "message": message, "remedy": remedy, **region.place(line)}


def _handlers(notebook: Notebook, region: Region, tree: ast.Module, config: FunctionConfig) -> Iterator[dict[str, Any]]:
    serving = config.kind == "serving"
    chosen = choose_handler(tree, config, notebook.name)
    kind, key = ("class", "class") if serving else ("function", "handler")
    if chosen is None:
        count = len(public_classes(tree) if serving else public_functions(tree))
        message = f"The region holds {count} public {kind}{'es' if serving else 's'}; which is the function's?"
        remedy = f"Define one (helpers begin with an underscore), or write '# mlrun: config {key}=name'."
        yield _breach(region, "handler", 1, message, remedy)
    elif chosen not in module_names(region.code) and not (serving and "." in chosen):
        message = f"The {key} {chosen!r} is not defined in the region."
        yield _breach(region, "handler", 1, message, f"Define the {kind} or correct its name.")
    for function in public_functions(tree):
        if serving and function.name in ("handler", "init_context"):
            message = f"{function.name!r} is the name of the function that MLRun adds."
            yield _breach(region, "handler", function.lineno, message, "Choose another name.")
        if not serving:
            yield from _signature(region, function)


def _signature(region: Region, function: FunctionNode) -> Iterator[dict[str, Any]]:
    line, name = function.lineno, function.name
    if function.args.posonlyargs or function.args.vararg:
        message = f"{name} has parameters that cannot be given by name (before '/', or with '*')."
        yield _breach(region, "signature", line, message, "MLRun passes parameters by name: give each one.")
    yield from _docstring(region, function)
    for argument, default in parameters(function):
        place = argument.lineno
        if argument.annotation is None:
            message = f"Parameter {argument.arg!r} of {name} has no type hint."
            remedy = "Add one (mlrun.DataItem for an input): the UI's form is built from it."
            yield _breach(region, "type-hint", place, message, remedy)
        if default is not None and not _is_literal(default):
            text = ast.unparse(default)
            message = f"The default of {argument.arg!r} of {name}, {text}, is no plain literal."
            remedy = "Use a number, text, bool, None, list, tuple or dict of such: the UI shows it."
            yield _breach(region, "signature", place, message, remedy)


def _docstring(region: Region, function: FunctionNode) -> Iterator[dict[str, Any]]:
    line, name = function.lineno, function.name
    doc = ast.get_docstring(function)
    if not doc:
        remedy = "Describe it, and with ':param name: …' each parameter: it is the UI's help."
        yield _breach(region, "docstring", line, f"{name} has no docstring.", remedy)
        return
    parsed = parse_docstring(doc)
    for problem in parsed.problems:
        remedy = "Use ':param name: text' (continued on indented lines) and ':returns: text' at the end."
        yield _breach(region, "docstring", line, f"Docstring of {name}: {problem}", remedy)
    arguments = [argument for argument, _ in parameters(function)]
    for argument in arguments:
        if argument.arg != "context" and not parsed.params.get(argument.arg):
            message = f"Parameter {argument.arg!r} of {name} is not documented."
            yield _breach(region, "docstring", argument.lineno, message, f"Add ':param {argument.arg}: …'.")
    names = {argument.arg for argument in [*arguments, function.args.kwarg] if argument}
    for extra in sorted(parsed.params.keys() - names):
        message = f"The docstring of {name} describes {extra!r}, which is no parameter."
        yield _breach(region, "docstring", line, message, "Remove it or correct the name.")


def _is_literal(default: ast.expr) -> bool:
    try:
        literal(default)
    except (ValueError, TypeError):
        return False
    return True


def _names(notebook: Notebook, region: Region, tree: ast.Module) -> Iterator[dict[str, Any]]:
    elsewhere = _names_elsewhere(notebook, region)
    for name, line in unbound_names(region.code, tree):
        if name in elsewhere:
            message = f"{name!r} is defined in cell {elsewhere[name]}, outside of the region."
            remedy = "Make it a parameter of the handler, or define or import it inside."
        else:
            message = f"{name!r} is defined nowhere in the region."
            remedy = "Define or import it inside the region, or pass it as a parameter."
        yield _breach(region, "outside-name", line, message, remedy)


def _names_elsewhere(notebook: Notebook, region: Region) -> dict[str, int]:
    """Return the names that other cells define, with the cell."""
    inside = {cell for cell, _ in region.origin}
    names: dict[str, int] = {}
    for cell in notebook.cells:
        if cell.kind != "code" or cell.number in inside:
            continue
        lines = ["" if _MAGIC.match(line) else line for line in cell.lines]
        try:
            defined = module_names("\n".join(lines))
        except SyntaxError:
            continue
        names |= {name: cell.number for name in defined if name not in names}
    return names


def _laptop(notebook: Notebook, region: Region, tree: ast.Module, project_root: Path) -> Iterator[dict[str, Any]]:
    """Find what works on one machine only: imports of modules beside the notebook, paths into a home folder."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _import(notebook, region, node, project_root)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _HOME.match(node.value):
            message = f"{node.value!r} is a path of one machine."
            yield _breach(region, "local-path", node.lineno, message, "Make it a parameter of the handler.")


def _import(
    notebook: Notebook, region: Region, node: ast.Import | ast.ImportFrom, project_root: Path
) -> Iterator[dict[str, Any]]:
    names = [alias.name for alias in node.names]
    modules = names if isinstance(node, ast.Import) else ["." * node.level + (node.module or "")]
    if modules == ["__future__"]:
        if "annotations" in names:
            message = "With 'annotations' from __future__ hints are text, which MLRun cannot resolve."
            yield _breach(region, "future-annotations", node.lineno, message, "Remove the import.")
        return
    for module in modules:
        root = module.split(".")[0]
        local = [notebook.path.parent / f"{root}.py", Path(project_root) / f"{root}.py"]
        if not root or any(file.is_file() for file in local):
            message = f"The import of {module!r} works only in a checkout; the function runs anywhere."
            remedy = "Move the imported code into the package aletheia."
            yield _breach(region, "local-import", node.lineno, message, remedy)
