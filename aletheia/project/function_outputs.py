"""Outputs of a function: the keys under which its source logs artifacts and results, and those that it declares."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from aletheia.project.notebooks import Region, read_config
from aletheia.project.static_values import UNKNOWN, Known, Scope, walk

#: Logged by MLRun itself for a step with hyperparameters.
OF_A_GRID = ("iteration_results", "parallel_coordinates", "best_iteration")
_LOGGED_BY_KEY = ("log_artifact", "log_dataset", "log_model", "log_document", "log_result")


def function_outputs(source: str) -> Known:
    """Return the outputs that other steps may take from a function.

    Those are the keys that stand in the source as texts, also through a variable, a loop or a dictionary, and those of
    ``# mlrun: config outputs='[…]'``. There may be others (the answer is not complete) when a key is computed, or the
    context is handed on, and nothing is declared.

    Parameters
    ----------
    source : str
        The text of ``function.py``.
    """
    config, _ = read_config(Region(source, ()))
    logged = logged_keys(ast.parse(source))
    if config.outputs:
        return Known(tuple(dict.fromkeys((*config.outputs, *logged.texts))))
    return logged


def logged_keys(tree: ast.Module) -> Known:
    """Return the keys that a module logs under, as far as they are known without running it."""
    return Known.union(_logged(node, scope) for node, scope in walk(tree, lambda call, scope: None))


def not_logged(tree: ast.Module, declared: Iterable[str]) -> list[str]:
    """Return the declared outputs that a module does not log.

    Keys of figures and results that are computed are taken for none of them; with any other computed key nothing is
    known.
    """
    logged: list[str] = []
    for node, scope in walk(tree, lambda call, scope: None):
        keys = _logged(node, scope)
        item = _argument(node, "item", "key") if isinstance(node, ast.Call) else None
        is_plain = _method(node) != "log_results" and not isinstance(item, ast.Call)
        if not keys.complete and is_plain:
            return []
        logged += keys.texts
    return [output for output in declared if output not in logged]


def _logged(node: ast.AST, scope: Scope) -> Known:
    if not isinstance(node, ast.Call):
        return Known()
    method = _method(node)
    if method == "log_results":
        return scope.keys(_argument(node, "results"))
    if method in _LOGGED_BY_KEY:
        item = _argument(node, "item", "key")
        # An artifact that is made in the call has its key as its first argument.
        return scope.texts(_argument(item, "key") if isinstance(item, ast.Call) else item)
    is_handed_on = any(isinstance(word, ast.Name) and word.id == "context" for word in node.args)
    return UNKNOWN if is_handed_on else Known()


def _method(node: ast.AST) -> str:
    """Return the name of the method that is called; empty for anything else."""
    return node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""


def _argument(call: ast.Call, *names: str) -> ast.expr | None:
    """Return the first argument, which may also be given by one of these names."""
    if call.args:
        return call.args[0]
    return next((word.value for word in call.keywords if word.arg in names), None)
