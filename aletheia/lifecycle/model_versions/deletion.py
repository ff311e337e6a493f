"""Deletion of the files of models that nobody will need: retired ones, and old ones that never came into production."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.catalog import GONE, REGISTERED, Catalog, ModelVersion, version_tags
from aletheia.models.model_files import EXPLAIN, GOLDEN, INT8, ONNX, PROFILE, SPEC, TYPICAL, WEIGHTS

#: Files of a registered bundle; no others are deleted, whatever lies beside them.
_FILES = (SPEC, WEIGHTS, ONNX, INT8, EXPLAIN, TYPICAL, PROFILE, GOLDEN, "README.md")


@dataclasses.dataclass(frozen=True)
class DeletionPlan:
    """What is deleted, and what stays.

    Attributes
    ----------
    files : dict
        Files of this machine with their bytes, by model.
    kept : int
        Models that keep their files.
    in_buckets : dict
        Where the files of models lie, by model, that nobody needs and that stay all the same: nothing is deleted in a
        bucket, which others may use whose tracking service this is not, and which has rules of its own.
    """

    files: dict[str, dict[Path, int]]
    kept: int
    in_buckets: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size of all that is deleted."""
        return sum(size for sizes in self.files.values() for size in sizes.values())


def plan_deletion(catalog: Catalog, keep: int) -> DeletionPlan:
    """Choose models whose files may go.

    Never those of a model that is or was in production, or that has a tag besides its version (such as candidate,
    which answers where nothing is in production), nor a folder that such a model shares.

    Parameters
    ----------
    catalog : Catalog
    keep : int
        Newest models that were never in production and keep their files; retired ones do not count.

    Raises
    ------
    InputError
        When `keep` is negative.
    """
    if keep < 0:
        raise InputError(f"--keep is {keep}; it cannot be negative.")
    answered = {switch.uid for switch in catalog.switches}
    unused = [
        model
        for model in catalog.models
        if model.state in (REGISTERED, GONE)
        and model.uid not in answered
        and set(model.tags) == version_tags(model.tags)
    ]
    spared = [model for model in unused if model.state == REGISTERED][:keep]
    chosen = [model for model in unused if model not in spared]
    needed = set(filter(None, (model.folder for model in catalog.models if model not in chosen)))
    files = {model.name: _sizes(model, needed) for model in chosen}
    files = {name: sizes for name, sizes in files.items() if sizes}
    in_buckets = {model.name: model.target for model in chosen if model.in_bucket}
    return DeletionPlan(files, len(catalog.models) - len(chosen), in_buckets)


def delete_files(plan: DeletionPlan) -> None:
    """Delete the files of a plan, and folders that are empty then. What the tracking service knows of a model stays.

    Raises
    ------
    InputError
        When one cannot be deleted.
    """
    for path in _paths(plan):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{path} cannot be deleted ({error.strerror or error}).") from None
        with contextlib.suppress(OSError):  # not empty, or gone already
            path.parent.rmdir()


def _paths(plan: DeletionPlan) -> Iterable[Path]:
    return (path for sizes in plan.files.values() for path in sizes)


def _sizes(model: ModelVersion, needed: set[Path]) -> dict[Path, int]:
    folder = model.folder
    if folder is None or folder in needed or folder.is_symlink() or not folder.is_dir():
        return {}
    paths = [folder / name for name in _FILES]
    return {path: path.lstat().st_size for path in paths if path.is_file() and not path.is_symlink()}
