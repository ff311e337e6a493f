"""The mirror without a server: paths and addresses, and what is left of old fetches."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.index import Version
from aletheia.core.buckets.mirror import Mirror, bring, local_copy
from aletheia.core.buckets.resuming import append_rest
from aletheia.core.errors import InputError


def test_local_and_address_are_inverse(tmp_path):
    mirror = Mirror(tmp_path / "mirror", 1000)
    for address in (Address("faces", "a/ü b#.jpg"), Address("faces")):
        assert mirror.address(mirror.local(address)) == address
    for elsewhere in (tmp_path, tmp_path / "mirror", f"{mirror.files}x/faces/a", "faces/a", ""):
        assert mirror.address(elsewhere) is None
    with pytest.raises(InputError, match="is no path of a file"):
        mirror.local(Address("faces", "../x"))


def test_paths_of_this_machine_are_left_alone(tmp_path):
    assert local_copy("faces/x.csv") == Path("faces/x.csv")
    bring([str(tmp_path / "missing.jpg"), ""])  # not of the mirror: nobody is asked


def test_parts_of_old_fetches_are_deleted(tmp_path):
    mirror = Mirror(tmp_path, 1000)
    old, new = mirror._parts / "old", mirror._parts / "new"
    for part in (old, new):
        part.touch()
    os.utime(old, (0, time.time() - 8 * 86_400))
    Mirror(tmp_path, 1000)
    assert new.exists() and not old.exists()


def test_what_is_there_whole_is_not_asked_for(tmp_path):
    with (tmp_path / "part").open("ab") as file:
        file.write(b"whole")
        append_rest(file, Address("faces", "a"), Version("x", 5))
        assert file.tell() == 5
