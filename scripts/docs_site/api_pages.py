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
        parts.append(f"::: aletheia.{package}.{module_name}.{name}\n")
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
