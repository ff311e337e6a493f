"""Tensors from files of unknown origin: safetensors, and torch's archives without unpickling objects."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from aletheia.core.errors import InputError
from aletheia.core.files import MAX_BYTES, check_file

MAX_MEMBERS = 100_000
#: Names under which training programs store the state dict of a network.
_NESTED = ("state_dict", "model_state_dict", "model", "net")
#: Of a safetensors file. A tensor takes some hundred; the largest networks here have two thousand tensors.
MAX_HEADER_BYTES = 4_000_000


def read_archive(path: Path) -> Any:
    """Read a file of ``torch.save`` with tensors in plain containers; tensors stay on the disk until they are used.

    Parameters
    ----------
    path : Path
        ``.pth``, ``.pt``, ``.ckpt``, ``.bin``.

    Raises
    ------
    InputError
        For a missing, oversized or damaged file, the format of before 2020 (which cannot be limited), compressed
        members (a small file that becomes a large one), or objects other than tensors and plain containers.
    """
    check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, RecursionError):
        raise InputError(
            f"{path} is no archive of torch.save (a zip file); one of before torch 1.6 must be saved again."
        ) from None
    if len(members) > MAX_MEMBERS:
        raise InputError(f"{path} holds {len(members):,} members; at most {MAX_MEMBERS:,} are read.")
    if any(member.compress_type != zipfile.ZIP_STORED or member.file_size > MAX_BYTES for member in members):
        raise InputError(f"{path} holds compressed members, which torch.save never writes; it is not opened.")
    # A pickle of a state dict takes some 200 bytes for a tensor, and each of its opcodes is interpreted.
    if any(member.filename.endswith("data.pkl") and member.file_size > 5 * MAX_HEADER_BYTES for member in members):
        raise InputError(f"{path} has a table of contents of over {5 * MAX_HEADER_BYTES:,} bytes; it is not opened.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"{path} holds objects other than tensors and plain containers. They could run any code, so it is not "
            "opened: save its state_dict() alone, best as safetensors."
        ) from None
    except Exception as error:  # torch's reader raises anything on bytes that were tampered with
        first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"{path} cannot be read: {first}.") from None


def check_header(path: Path) -> None:
    """Refuse a safetensors file whose header is so long that parsing it would take minutes and gigabytes.

    Raises
    ------
    InputError
        When it is; other damage is left to the reader.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}).") from None
    if MAX_HEADER_BYTES < length <= path.stat().st_size:
        raise InputError(
            f"{path} has a header of {length:,} bytes; at most {MAX_HEADER_BYTES:,} are read, enough for tens of"
            " thousands of tensors."
        )


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read names and tensors of a weights file.

    Parameters
    ----------
    path : Path
        ``.safetensors``, or an archive of `read_archive` that holds a state dict, alone or as ``state_dict``.

    Raises
    ------
    InputError
        For a file that cannot be read as such.
    """
    if path.suffix == ".safetensors":
        check_file(path)
        check_header(path)
        try:
            return load_file(path)
        except (SafetensorError, OSError, ValueError, RuntimeError, KeyError, MemoryError) as error:
            raise InputError(f"{path} is no intact safetensors file ({str(error)[:200]}).") from None
    return state_of(read_archive(path), path)


def state_of(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """Return the state dict in the content of an archive that `read_archive` returned.

    Raises
    ------
    InputError
        When there is none.
    """
    state = content
    if isinstance(content, dict):
        state = next((content[name] for name in _NESTED if isinstance(content.get(name), dict)), content)
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise InputError(f"{path} holds no state dict (names and tensors).")
    return state
