"""Texts and keys of dictionaries in a program, as far as they are known without running it.

Followed are literals, ``dict(…)``, unions, comprehensions and loops over literals, and variables of the same function
or module. What is known of anything else is nothing, so that no finding rests on a guess.
"""

from __future__ import annotations

import ast
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Known:
    """Texts that an expression can give; ``complete`` when it can give no others."""

    texts: tuple[str, ...] = ()
    complete: bool = True

    @classmethod
    def union(cls, parts: Iterable[Known]) -> Known:
        """Join what several expressions can give."""
        parts = list(parts)
        texts = dict.fromkeys(text for part in parts for text in part.texts)
        return cls(tuple(texts), all(part.complete for part in parts))


UNKNOWN = Known(complete=False)
#: Keys of the dictionary that a call returns; None where it is none that is known.
CallKeys = Callable[[ast.Call, "Scope"], Known | None]


@dataclass(frozen=True)
class _Binding:
    """What a variable is given in a line.

    Attributes
    ----------
    line : int
    value : expression or None
        None when nothing is known of it, as of a parameter.
    element : int or None
        The variable is an element of `value`, or (from 0) the item of that number of an element; -1: the whole one.
    adds : bool
        `value` is added to the dictionary that the variable holds.
    """

    line: int
    value: ast.expr | None
    element: int | None = None
    adds: bool = False


@dataclass
class Scope:
    """Variables that can be seen in a place of a program, the innermost first."""

    call_keys: CallKeys
    parent: Scope | None = None
    bindings: dict[str, list[_Binding]] = field(default_factory=lambda: defaultdict(list))

    def texts(self, node: ast.expr | None) -> Known:
        """Return the texts that an expression can be."""
        if isinstance(node, ast.Constant):
            return Known((node.value,)) if isinstance(node.value, str) else UNKNOWN
        if isinstance(node, ast.IfExp):
            return Known.union((self.texts(node.body), self.texts(node.orelse)))
        if isinstance(node, ast.JoinedStr):
            parts = [self.texts(p.value if isinstance(p, ast.FormattedValue) else p) for p in node.values]
            words = itertools.product(*(part.texts for part in parts))
            return Known(tuple(map("".join, words)), all(part.complete for part in parts))
        if isinstance(node, ast.Name):
            scope, bindings = self._find(node)
            return Known.union(scope._bound_texts(binding) for binding in bindings) if bindings else UNKNOWN
        return UNKNOWN

    def elements(self, node: ast.expr | None, item: int = -1) -> Known:
        """Return the texts that the elements of an iterable can be, or the ``item``-th of each element."""
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return Known.union(self._element(element, item) for element in node.elts)
        if isinstance(node, ast.Name):
            scope, bindings = self._find(node)
            values = [binding.value for binding in bindings if binding.element is None]
            return Known.union(scope.elements(value, item) for value in values) if values else UNKNOWN
        is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_method and node.func.attr in ("items", "keys") and item == (0 if node.func.attr == "items" else -1):  # type: ignore[union-attr]
            return self.keys(node.func.value)  # type: ignore[union-attr]
        return self.keys(node) if item == -1 and isinstance(node, ast.Dict | ast.DictComp) else UNKNOWN

    def keys(self, node: ast.expr | None) -> Known:
        """Return the keys that a dictionary can have."""
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            return Known.union(self.keys(value) if key is None else self.texts(key) for key, value in pairs)
        if isinstance(node, ast.DictComp):
            return inside(self, node).texts(node.key)
        if isinstance(node, ast.Call):
            return self._keys_of_call(node)
        is_nothing = node is None or (isinstance(node, ast.Constant) and node.value is None)
        parts = [] if is_nothing else self._alternatives(node)
        return UNKNOWN if parts is None else Known.union(scope.keys(part) for scope, part in parts)

    def _alternatives(self, node: ast.expr | None) -> list[tuple[Scope, ast.expr]] | None:
        """Return the dictionaries that make up another, or that it can be; None where they are not known."""
        if isinstance(node, ast.IfExp):
            return [(self, node.body), (self, node.orelse)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return [(self, node.left), (self, node.right)]
        if isinstance(node, ast.Name):
            scope, bindings = self._find(node)
            values = [binding.value for binding in bindings if binding.element is None and binding.value is not None]
            return [(scope, value) for value in values] if values and len(values) == len(bindings) else None
        return None

    def _keys_of_call(self, call: ast.Call) -> Known:
        if isinstance(call.func, ast.Name) and call.func.id == "dict":
            words = [Known((word.arg,)) if word.arg else self.keys(word.value) for word in call.keywords]
            return Known.union([*map(self.keys, call.args), *words])
        return self.call_keys(call, self) or UNKNOWN

    def _element(self, element: ast.expr, item: int) -> Known:
        if isinstance(element, ast.Starred):
            return self.elements(element.value, item)
        if item < 0:
            return self.texts(element)
        is_long = isinstance(element, ast.Tuple | ast.List) and len(element.elts) > item
        return self.texts(element.elts[item]) if is_long else UNKNOWN  # type: ignore[attr-defined]

    def _bound_texts(self, binding: _Binding) -> Known:
        if binding.element is None:
            return self.texts(binding.value)
        return self.elements(binding.value, binding.element)

    def _find(self, name: ast.Name) -> tuple[Scope, list[_Binding]]:
        """Return what a variable holds where it stands: what it was given last, and what was added since."""
        scope: Scope | None = self
        while scope is not None and name.id not in scope.bindings:
            scope = scope.parent
        if scope is None:
            return self, []
        before = [binding for binding in scope.bindings[name.id] if binding.line < name.lineno]
        given = [number for number, binding in enumerate(before) if not binding.adds]
        return scope, before[given[-1] :] if given else []


def inside(outer: Scope, node: ast.AST) -> Scope:
    """Return the scope of the body of a function, a loop or a comprehension; that of any other node is the outer."""
    if isinstance(node, _Function):
        scope = Scope(outer.call_keys, outer)
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                scope.bindings[argument.arg].append(_Binding(0, None))
        _bind_assignments(scope, node.body)
        return scope
    if isinstance(node, ast.For):
        scope = Scope(outer.call_keys, outer)
        _bind_element(scope, node.target, node.iter)
        return scope
    if isinstance(node, _Comprehension):
        scope = Scope(outer.call_keys, outer)
        for generator in node.generators:
            _bind_element(scope, generator.target, generator.iter)
        return scope
    return outer


def walk(tree: ast.Module, call_keys: CallKeys) -> Iterator[tuple[ast.AST, Scope]]:
    """Yield every node of a module with the scope that it stands in."""
    scope = Scope(call_keys)
    _bind_assignments(scope, tree.body)
    yield from _walk(tree, scope)


def _walk(node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
    yield node, scope
    within = inside(scope, node)
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, within)


def _bind_assignments(scope: Scope, body: list[ast.stmt]) -> None:
    """Bind the variables that the statements of a function or module set, in the order of their lines."""
    for node in sorted(_statements(body), key=lambda statement: statement.lineno):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                _bind(scope, target, node.value, _end(node))
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            scope.bindings[node.target.id].append(_Binding(_end(node), node.value, adds=True))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                added = ast.Call(ast.Name("dict", ast.Load()), node.value.args, node.value.keywords)
                if called.attr in ("update", "append", "extend", "insert"):  # what the last three add is not followed
                    value = added if called.attr == "update" else None
                    scope.bindings[called.value.id].append(_Binding(_end(node), value, adds=True))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements and those in their blocks, but not those of functions and classes."""
    for node in body:
        yield node
        if not isinstance(node, _Function | ast.ClassDef):
            blocks = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
            blocks += [handler.body for handler in getattr(node, "handlers", [])]
            for block in blocks:
                yield from _statements(block)


def _end(statement: ast.stmt) -> int:
    """Return the last line of a statement: a variable in it still has the value that it had before."""
    return statement.end_lineno or statement.lineno


def _bind(scope: Scope, target: ast.expr, value: ast.expr | None, line: int) -> None:
    if isinstance(target, ast.Name):
        scope.bindings[target.id].append(_Binding(line, value))
    elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        added = ast.Dict([target.slice], [target.slice])
        scope.bindings[target.value.id].append(_Binding(line, added, adds=True))
    elif isinstance(target, ast.Tuple | ast.List):
        values: list[ast.expr | None] = [None] * len(target.elts)
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(values):
            values = list(value.elts)
        for part, one in zip(target.elts, values, strict=True):
            _bind(scope, part, one, line)


def _bind_element(scope: Scope, target: ast.expr, iterable: ast.expr) -> None:
    if isinstance(target, ast.Name):
        scope.bindings[target.id].append(_Binding(0, iterable, element=-1))
    elif isinstance(target, ast.Tuple | ast.List):
        for number, part in enumerate(target.elts):
            if isinstance(part, ast.Name):
                scope.bindings[part.id].append(_Binding(0, iterable, element=number))
