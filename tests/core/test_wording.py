"""Grammar of numbers, and of the messages that are put together from parts."""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import aletheia
from aletheia.core.wording import counted, p_text

PACKAGE = Path(aletheia.__file__).parent
#: Nouns of things that are counted, and may be one.
_NOUNS = "files|images|rows|faces|pictures|runs|people|videos|frames|models|pairs|folders|artifacts|tensors|trainings"
#: Parts after an article that begin as it says.
_AFTER_ARTICLE = {"BLUR_SIDE", "row.verdict", "noun"}


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [(0, ("file",), "0 files"), (1, ("file",), "1 file"), (12345, ("person", "people"), "12,345 people")],
)
def test_counted(count, words, text):
    assert counted(count, *words) == text


@pytest.mark.parametrize(
    ("p", "digits", "text"),
    [(0.0412, 3, "0.041"), (0.001, 3, "0.001"), (0.00099, 3, "< 0.001"), (0.0, 4, "< 0.0001"), (1.0, 3, "1.000")],
)
def test_p_text_is_never_zero(p, digits, text):
    assert p_text(p, digits) == text
    assert p_text(float("nan"), digits) == "–"


@functools.cache
def _nodes() -> list[tuple[Path, ast.Constant | ast.JoinedStr]]:
    """All texts and f-strings of the package; its files are parsed once."""
    files = ((path, ast.parse(path.read_text("utf-8"))) for path in sorted(PACKAGE.rglob("*.py")))
    kinds = (ast.Constant, ast.JoinedStr)
    return [(path, node) for path, tree in files for node in ast.walk(tree) if isinstance(node, kinds)]


def _texts(folder: Path) -> Iterator[tuple[str, list[ast.expr]]]:
    """Yield place and parts of all f-strings below a folder."""
    for path, node in _nodes():
        if isinstance(node, ast.JoinedStr) and path.is_relative_to(folder):
            yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node.values


def test_messages_of_commands_count_in_numbers_of_one():
    """No message of the command line says "1 files": `counted` chooses the form."""
    found = []
    for place, parts in _texts(PACKAGE / "cli"):
        for number, text in itertools.pairwise(parts):
            if isinstance(number, ast.FormattedValue) and isinstance(text, ast.Constant):
                found += [f"{place}: {{…}}{text.value}"] * bool(re.match(rf" ({_NOUNS})\b", text.value))
    assert not found


def test_messages_put_no_article_before_a_part():
    """A word that is put in may begin with a vowel, or be none: "a image", "a none"."""
    found = []
    for place, parts in _texts(PACKAGE):
        for text, word in itertools.pairwise(parts):
            if isinstance(word, ast.FormattedValue) and isinstance(text, ast.Constant):
                is_after_article = re.search(r"\ban? $", text.value, re.IGNORECASE)
                if is_after_article and ast.unparse(word.value) not in _AFTER_ARTICLE:
                    found.append(f"{place}: {text.value}{{{ast.unparse(word.value)}}}")
    assert not found


@pytest.mark.parametrize("wrong", [r"\bno an? ", r"\ban [bcdfgjkpqtvwz][a-z]", r"\ba [aeio][a-z]"])
def test_texts_have_the_right_article(wrong):
    found = []
    for path, node in _nodes():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            wrong_here = re.search(wrong, re.sub(r"\ba one\b", "", node.value))
            found += [f"{path}:{node.lineno}: {wrong_here.group()}"] if wrong_here else []
    assert not found
