"""Bug 6: the balancing code was copied into two notebooks and drifted apart."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWNER = Path("aletheia/datasets/balance.py")


def python_of(path: Path) -> str:
    """The code of a module, or of a notebook's cells without magics."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    lines = "\n".join(cells).splitlines()
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def own_balancing(tree: ast.Module) -> list[str]:
    """Definitions that balance by themselves: functions so named, and calls of pandas' way to draw rows."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and "balanc" in node.name.lower():
            found.append(f"def {node.name}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sample":
            found.append(f".sample( in line {node.lineno}")
    return found


def imported_from(tree: ast.Module, name: str) -> set[str]:
    return {
        node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names)
    }


def calls(tree: ast.Module, name: str) -> bool:
    return any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name for n in ast.walk(tree))


def recipes() -> list[Path]:
    return sorted(
        [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("functions/*/function.py"), *ROOT.glob("workflows/*.py")]
    )


def test_balance_has_one_definition() -> None:
    definitions = {}
    for path in sorted((ROOT / "aletheia").rglob("*.py")):
        names = [
            node.name
            for node in ast.walk(ast.parse(python_of(path)))
            if isinstance(node, ast.FunctionDef)
            and node.name.lstrip("_") in ("balance", "balance_manifest", "balance_training", "rebalance")
        ]
        if names:
            definitions[str(path.relative_to(ROOT))] = names
    assert definitions == {str(OWNER): ["balance_training"]}


@pytest.mark.skipif(not recipes(), reason="there are no notebooks yet")
def test_balance_is_imported_by_notebooks_and_functions() -> None:
    users = 0
    for path in recipes():
        tree = ast.parse(python_of(path))
        assert own_balancing(tree) == [], path
        if calls(tree, "balance_training"):
            users += 1
            assert imported_from(tree, "balance_training") <= {"aletheia.datasets.balance", "aletheia.datasets"}, path
    assert users, "no notebook balances: has prepare-data lost it?"


def test_own_balancing_finds_copies() -> None:
    copied = "def balance_train(df, pool):\n    return df\nextra = pool.sample(100)\nbalance(1, 2)\n"
    assert len(own_balancing(ast.parse(copied))) == 2
    assert calls(ast.parse(copied), "balance")
    assert imported_from(ast.parse("from aletheia.datasets.balance import balance_training"), "balance_training") == {
        "aletheia.datasets.balance"
    }
