"""Pages of the API reference: one for each package, with the names that its stub file exports."""

from __future__ import annotations

import ast
from pathlib import Path


def public_names(stub: Path) -> list[tuple[str, str]]:
    """Return what a package exports as (module, name), in the order of its ``__init__.pyi``."""
    return [
        (node.module, alias.asname or alias.name)
        for node in ast.parse(stub.read_text()).body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]


def is_collected(module: Path, name: str) -> bool:
    """Return whether griffe knows a name of a module: it skips assignments to several names at once.

    Parameters
    ----------
    module : Path
        Path of the module or package, without suffix.
    name : str
        Name in its namespace.
    """
    file = module.with_suffix(".py")
    tree = ast.parse((file if file.is_file() else module / "__init__.py").read_text())
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    several = [target for node in assigned for target in node.targets if isinstance(target, ast.Tuple)]
    return name not in {element.id for target in several for element in target.elts if isinstance(element, ast.Name)}


def package_page(package: str, folder: Path) -> str:
    """Return the page of a package, or of a module beside the packages.

    Parameters
    ----------
    package : str
        Name below ``aletheia``.
    folder : Path
        Folder of ``aletheia``.
    """
    path = folder / package
    module = path.with_suffix(".py") if not path.is_dir() else path / "__init__.py"
    docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
    parts = [f"# aletheia.{package}\n", docstring + "\n"]
    if not path.is_dir():
        return "\n".join([*parts, f"::: aletheia.{package}\n    options:\n      show_docstring_description: false\n"])
    stub = path / "__init__.pyi"
    names = public_names(stub) if stub.is_file() else []
    for module_name, name in names:
        full = f"aletheia.{package}.{module_name}.{name}"
        if is_collected(path.joinpath(*module_name.split(".")), name):
            parts.append(f"::: {full}\n")
        else:
            parts.append(f"## {name} {{#{full}}}\n\nA constant of `{full.rpartition('.')[0]}`.\n")
    if not names:
        parts.append("This package exports no names.\n")
    return "\n".join(parts)


def index_page(layers: list[list[str]], folder: Path) -> str:
    """Return the overview: each package with its docstring's first line."""
    lines = ["# API reference\n", "The public names of each package, from the top layer to the bottom.\n"]
    for name in (name for layer in layers for name in layer):
        path = folder / name
        module = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
        lines.append(f"- [`aletheia.{name}`]({name}.md): {docstring.split(chr(10) * 2)[0].strip()}")
    return "\n".join(lines) + "\n"
