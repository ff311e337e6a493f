"""Labels of a manifest as arrays."""

from __future__ import annotations

import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.labels import fake_flags


@pytest.mark.parametrize("dtype", ["object", "category"])
def test_fake_flags(dtype):
    labels = pd.Series(["real", "fake", "fake", "real"], dtype=dtype)
    assert fake_flags(pd.DataFrame({"label": labels})).tolist() == [False, True, True, False]


def test_fake_flags_of_one_class():
    assert fake_flags(pd.DataFrame({"label": ["fake", "fake"]})).tolist() == [True, True]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"label": ["real", "Fake", "real", ""]}, r"rows 2 \('Fake'\), 4"),
        ({"label": []}, "rows and a column 'label'"),
        ({"path": ["a"]}, "rows and a column 'label'"),
    ],
)
def test_fake_flags_refused(table, message):
    with pytest.raises(InputError, match=message):
        fake_flags(pd.DataFrame(table))
