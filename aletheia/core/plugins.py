"""Implementations by name, and extensions that other installed packages declare as entry points."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from aletheia.core.errors import InputError

T = TypeVar("T")

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


class Registry(Generic[T]):
    """Implementations of one kind by name: those of this package, and those that other packages register.

    A name that is not known yet is looked for in the modules of `package`, then among the entry points of `group`.

    Parameters
    ----------
    kind : str
        What is registered, in the singular, for messages: "face detector".
    group : str
        Group of entry points of other packages, see :func:`load_plugins`.
    package : str
        The package whose modules register the implementations that come with this project, by importing them.
    """

    def __init__(self, kind: str, *, group: str, package: str) -> None:
        self.kind, self.group, self.package = kind, group, package
        self._entries: dict[str, T] = {}
        self._is_complete = False

    def register(self, name: str) -> Callable[[T], T]:
        """Register the decorated object under a name; the same object may be registered again.

        Raises
        ------
        InputError
            When another object has the name already.
        """

        def decorate(entry: T) -> T:
            if not self.is_own(entry):
                self._import_own()
            previous = self._entries.get(name)
            if previous is not None and _origin(previous) != _origin(entry):
                raise InputError(f"There are two implementations of the {self.kind} {name!r}; rename one of them.")
            self._entries[name] = entry
            return entry

        return decorate

    def unregister(self, name: str) -> None:
        """Forget a name; one that is not registered is ignored."""
        self._entries.pop(name, None)

    def all(self) -> dict[str, T]:
        """Everything by name, in the order of registration, this package's own first."""
        self._import_own()
        load_plugins(self.group)
        return dict(self._entries)

    def find(self, name: str) -> T:
        """Look up a name.

        Raises
        ------
        InputError
            For an unknown name; the message lists the known ones.
        """
        if name not in self._entries:
            self._import_own()
        if name not in self._entries and name not in self.all():
            known = ", ".join(sorted(self._entries))
            raise InputError(f"There is no {self.kind} {str(name)[:100]!r}; there are: {known}.")
        return self._entries[name]

    def is_own(self, entry: T) -> bool:
        """Whether an object comes from this project's own package."""
        return f"{_origin(entry)[0]}.".startswith(f"{self.package}.")

    def _import_own(self) -> None:
        if self._is_complete:
            return
        module = importlib.import_module(self.package)
        for info in pkgutil.iter_modules(getattr(module, "__path__", ())):
            importlib.import_module(f"{self.package}.{info.name}")
        self._is_complete = True


def _origin(entry: object) -> tuple[str, str]:
    """Name the module and the qualified name of a class or function."""
    return str(getattr(entry, "__module__", "")), str(getattr(entry, "__qualname__", repr(entry)))
