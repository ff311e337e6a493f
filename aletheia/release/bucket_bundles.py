"""Bundles that lie in a bucket, on this machine: fetched into the mirror, and compared with their hashes there."""

from __future__ import annotations

from pathlib import Path

from aletheia.core.buckets.addresses import Address, parse_url
from aletheia.core.buckets.mirror import open_mirror
from aletheia.core.errors import InputError
from aletheia.models.model_files import SPEC, WEIGHTS
from aletheia.models.spec import check_files

_SUFFIXES = (".json", ".safetensors", ".onnx")  # of an address that names a file of the bundle


def fetch_bundle(url: str | Path, *, weights: str = "", ask: bool = True) -> Path:
    """Return the folder on this machine of a bundle that lies in a bucket.

    Every file that its ``model.json`` names is compared with its hash; a copy that was damaged on this machine is
    fetched again. A bundle that nobody registered may lack its weights, as on a disk, where it holds what answers: the
    network as ONNX.

    Parameters
    ----------
    url : str or path
        Of the folder, or of a file in it.
    weights : str
        Beginning of the SHA-256 of its weights, as its registration noted it; empty where that is not known.
    ask : bool
        Whether the server says first what lies there now. A registered version does not change, so of one whose
        `weights` are known a whole copy on this machine will do: it takes no server, and no time.

    Raises
    ------
    InputError
        When it cannot be fetched, is no bundle, is damaged in the bucket, or has other weights.
    """
    address, mirror = _folder(url), open_mirror()
    if weights and not ask and (held := mirror.held(address)) is not None and not _fault(held, weights):
        return held
    folder = mirror.fetch(address)
    fault = _fault(folder, weights)
    if fault and mirror.drop_damaged(address):
        fault = _fault(mirror.fetch(address), weights)
    if fault and (weights or _fault(folder, needs_weights=False)):
        raise InputError(f"{address}: {fault}")
    return folder


def _folder(url: str | Path) -> Address:
    address = parse_url(url)
    parent, _, name = address.key.rpartition("/")
    return Address(address.bucket, parent) if Path(name).suffix in _SUFFIXES else address


def _fault(folder: Path, weights: str = "", *, needs_weights: bool = True) -> str:
    """Say what is wrong with a bundle; empty if nothing is."""
    if not (folder / SPEC).is_file():
        return f"there is no model; it needs {WEIGHTS} and {SPEC}."
    try:
        spec = check_files(folder, needs_weights=needs_weights)
    except InputError as error:
        return str(error)
    if not spec.weights_sha256.startswith(weights):
        return f"its weights are {spec.weights_sha256[:12]}…, and {weights[:12]}… were registered: it was replaced."
    return ""
