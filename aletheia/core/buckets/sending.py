"""Files of this machine that are sent to a bucket, so that other machines find them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aletheia.core.buckets import store
from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.mirror import open_mirror
from aletheia.core.errors import InputError

_THREADS = 8


def send_files(files: Mapping[Path, Address], folder: Address) -> None:
    """Write files into a bucket, those that are not there yet, and take them into this machine's mirror.

    Parameters
    ----------
    files : mapping
        Where each file goes.
    folder : Address
        All of them go below it.

    Raises
    ------
    InputError
        For a file that is missing, a name that no machine could fetch, and a bucket that cannot be written.
    """
    if not files:
        return
    for address in files.values():
        address.path()
    there = {address: version for address, version in store.listing(folder)}
    mirror = open_mirror()

    def send(file: Path, address: Address) -> None:
        try:
            known = there.get(address)
            version = known if known and known.is_of(file) else store.send(file, address)
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror}), to be sent to {folder}.") from None
        mirror.keep(file, address, version)

    with ThreadPoolExecutor(_THREADS) as threads:
        try:
            list(threads.map(send, files.keys(), files.values()))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
