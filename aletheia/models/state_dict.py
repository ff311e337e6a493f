"""Reading tensors out of files that strangers wrote: safetensors, and torch's archives without unpickling objects."""

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


def read_archive(path: Path) -> Any:
    """What ``torch.save`` wrote: tensors in plain containers. Tensors stay on the disk until they are used.

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
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"{path} holds objects other than tensors and plain containers. They could run any code, so it is not "
            "opened: save its state_dict() alone, best as safetensors."
        ) from None
    except Exception as error:  # whatever torch's reader makes of bytes that somebody else chose
        first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"{path} cannot be read: {first}.") from None


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Names and tensors of a weights file.

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
        try:
            return load_file(path)
        except (SafetensorError, OSError, ValueError, RuntimeError, KeyError, MemoryError) as error:
            raise InputError(f"{path} is no intact safetensors file ({str(error)[:200]}).") from None
    return state_of(read_archive(path), path)


def state_of(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """The state dict in what `read_archive` returned.

    Raises
    ------
    InputError
        When there is none.
    """
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    named = isinstance(state, dict) and all(isinstance(key, str) for key in state)
    if not named or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path} holds no state dict (names and tensors).")
    return state
