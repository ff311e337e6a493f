"""Progress bars that the user can turn off."""

from __future__ import annotations

import io

import pytest

from aletheia.core.progress import is_quiet, tqdm


@pytest.mark.parametrize(("value", "quiet"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_tqdm_obeys_the_user(monkeypatch, value, quiet):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if value is not None:
        monkeypatch.setenv("TQDM_DISABLE", value)
    stream = io.StringIO()
    assert list(tqdm([1, 2], "bar", disable=False, file=stream)) == [1, 2]
    assert is_quiet() is quiet and ("bar" in stream.getvalue()) is not quiet
    hidden = io.StringIO()
    list(tqdm([1], disable=True, file=hidden))
    assert hidden.getvalue() == ""
