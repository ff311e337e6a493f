"""Extensions that other installed packages declare as entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from aletheia.core.errors import InputError

_loaded: set[EntryPoint] = set()


def load_plugins(group: str) -> None:
    """Import every entry point of a group that was not imported before.

    An entry point names a module that registers something when it is imported, or an object inside one. In the
    extension's `pyproject.toml`:

        [project.entry-points."aletheia.detectors"]
        my_detector = "my_package.my_module"

    Parameters
    ----------
    group : str
        Name of the group, such as "aletheia.detectors".

    Raises
    ------
    InputError
        When an entry point cannot be imported; the message names it and the package that declares it.
    """
    for entry_point in entry_points(group=group):
        if entry_point in _loaded:
            continue
        try:
            entry_point.load()
        except Exception as error:
            package = entry_point.dist.name if entry_point.dist else "an unknown package"
            raise InputError(
                f"The extension {entry_point.name} = {entry_point.value!r} ({group}, declared by {package}) "
                f"cannot be loaded: {type(error).__name__}: {error}. Repair or uninstall {package}."
            ) from error
        _loaded.add(entry_point)
