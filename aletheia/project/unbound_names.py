"""Names that a piece of Python defines, and names that it expects from outside (by Python's symbol tables)."""

from __future__ import annotations

import ast
import builtins
import symtable


def module_names(code: str) -> set[str]:
    """Return the names that a module has: assigned, imported or defined at its top level, or declared global below."""
    table = symtable.symtable(code, "region", "exec")
    names = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    tables = list(table.get_children())
    while tables:
        inner = tables.pop()
        tables += inner.get_children()
        names |= {s.get_name() for s in inner.get_symbols() if s.is_declared_global() and s.is_assigned()}
    return names


def unbound_names(code: str, tree: ast.Module) -> list[tuple[str, int]]:
    """Return the names that the code reads without defining or importing them, Python's builtins apart.

    Each comes with the first line (from 1) that holds it; they are ordered by line.
    """
    bound = module_names(code) | set(dir(builtins)) | {"__file__", "__name__", "__doc__"}
    used: set[str] = set()
    tables = [symtable.symtable(code, "region", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    lines: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in used - bound:
            lines[node.id] = min(node.lineno, lines.get(node.id, node.lineno))
    return sorted(lines.items(), key=lambda item: item[1])
