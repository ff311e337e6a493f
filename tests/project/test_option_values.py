"""Values of options in texts."""

from __future__ import annotations

import pytest
from pydantic_core import PydanticCustomError

from aletheia.core.errors import InputError
from aletheia.project.option_values import checked, split_columns, split_numbers, split_pairs


def test_split_columns():
    assert split_columns(["a=1, 2", "b=1..3"]) == {"a": ["1", "2"], "b": ["1..3"]}
    assert split_columns({"a": 3, "b": [1], "c": "x,y"}) == {"a": [3], "b": [1], "c": ["x", "y"]}
    with pytest.raises(PydanticCustomError, match="'a' is not column=values"):
        split_columns(["a="])


def test_split_numbers_and_pairs():
    assert split_numbers("1, 2,") == ["1", " 2"] and split_numbers(3) == [3]
    assert split_pairs(["a=b=c"]) == {"a": "b=c"}


def test_checked():
    def refuse(value: str) -> None:
        raise InputError(f"no {value} {{here}}")

    assert checked("kind", str, "a") == "a"
    with pytest.raises(PydanticCustomError, match=r"no a \{here\}"):
        checked("kind", refuse, "a")
