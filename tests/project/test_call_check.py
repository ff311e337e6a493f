"""Parameters that a handler does not have."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.project.call_check import check_call, refuse_unknown


def closed(context, faces, seed=0):
    """Take just these."""


def open_ended(context, faces, **options):
    """Check its options itself."""


@pytest.mark.parametrize(
    ("handler", "params", "inputs", "says"),
    [
        (closed, ["sed"], [], "closed has no parameter 'sed'; did you mean seed?"),
        (closed, [], ["images"], "closed has no input 'images'; there are: faces, seed."),
        (open_ended, ["sed"], ["face"], "open_ended has no input 'face'; did you mean faces?"),
    ],
)
def test_check_call_refuses(handler, params, inputs, says):
    with pytest.raises(InputError) as error:
        check_call(handler, params, inputs)
    assert str(error.value) == says


def test_check_call_lets_pass():
    check_call(closed, ["seed"], ["faces"])
    check_call(open_ended, ["anything"], ["faces"])


def test_refuse_unknown():
    refuse_unknown(closed, {})
    with pytest.raises(InputError, match="no parameter 'seeds'; did you mean seed"):
        refuse_unknown(closed, {"seeds": 1})
