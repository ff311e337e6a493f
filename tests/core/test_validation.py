"""Pydantic's errors in one sentence."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aletheia.core.validation import explain_validation


class Inner(BaseModel):
    share: float = Field(ge=0, le=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: Inner


def invalid(**values) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Outer(**values)
    return caught.value


def test_explain_validation_names_fields_by_their_path():
    error = invalid(inner={"share": 2.0})
    assert explain_validation(error) == "inner.share: Input should be less than or equal to 1"
    assert explain_validation(error, values=True) == "inner.share: Input should be less than or equal to 1 (given: 2.0)"


def test_explain_validation_is_bounded():
    error = invalid(inner={"share": 0.5}, **{f"{k}" * 500: "x" * 5000 for k in range(9)})
    text = explain_validation(error, values=True)
    assert text.endswith("; and 4 more")
    assert len(text) < 5 * 400
    assert text.count("Extra inputs") == 5
