"""Exceptions by name: what they may name, and what they refuse."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.release.exceptions import Exceptions


def test_exceptions_accepted_codes_by_code_or_name():
    exceptions = Exceptions.parse(["no-leakage", "no weak cell"])
    assert exceptions.accepted_codes() == {"no-leakage", "no-weak-cell"}
    assert Exceptions.parse("calibrated", "source") == Exceptions(("calibrated",), ("source",))
    assert Exceptions.parse(None, None) == Exceptions()


def test_exceptions_unknown_check_is_refused():
    with pytest.raises(InputError, match=r"accept_unjudged: .* 'no-leak'. Did you mean 'no-leakage'"):
        Exceptions.parse(["no-leak"])


def test_exceptions_check_waived_names():
    exceptions = Exceptions.parse(waive=["light"])
    assert exceptions.check_waived({"light", "source"}) == {"light"}
    with pytest.raises(
        InputError, match=r"waive: there is no family of the audit or column .* 'light'. There are: source"
    ):
        exceptions.check_waived({"source"})
