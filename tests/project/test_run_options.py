"""The options themselves: each is described, in a group, and reads back what it prints."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.project.run_config import RunConfig
from aletheia.project.run_options import RunOptions


def test_run_options_are_those_of_a_configuration():
    assert list(RunOptions.model_fields) == list(RunConfig.model_fields)
    for name, field in RunOptions.model_fields.items():
        assert field.description and RunOptions.details(name)["group"], name


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"val_share": 0.5, "test_share": 0.5}, "leaves less than a tenth"),
        ({"experiment": "-x"}, "begins and ends with a letter"),
        ({"face_policy": "oval"}, "no face policy 'oval'"),
    ],
)
def test_run_options_refuse_at_once(values, words):
    with pytest.raises(InputError, match=words):
        RunOptions(**values)
