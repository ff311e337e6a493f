"""Base of a configuration whose fields are options: with groups, former names, and paths."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from aletheia.core.errors import InputError
from aletheia.core.validation import explain_validation

_LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def option(group: str, default: Any, description: str, **other: Any) -> Any:
    """Define an option.

    Parameters
    ----------
    group : str
        The part of a run that it belongs to: a panel of ``--help``, a section of the YAML file.
    default, description
        As shown to users.
    other
        ``flag``: the name on the command line where that is not the field's; ``old``: a former name, which is still
        read; ``path``: whether it names a file or a folder. The rest are limits as `pydantic.Field` takes them.
    """
    extra: dict[str, Any] = {"group": group} | {key: other.pop(key) for key in ("flag", "old", "path") if key in other}
    if isinstance(default, list | dict):
        return Field(default_factory=default.copy, description=description, json_schema_extra=extra, **other)
    return Field(default, description=description, json_schema_extra=extra, **other)


def option_of(group: str, model: type[BaseModel], field: str, **other: Any) -> Any:
    """Define an option that is a field of another configuration: its default, limits and description are used."""
    source = model.model_fields[field]
    return option(group, source.default, other.pop("description", source.description), **_limits(source), **other)


def _limits(field: FieldInfo) -> dict[str, Any]:
    return {key: getattr(limit, key) for limit in field.metadata for key in _LIMITS if hasattr(limit, key)}


def _absolute(value: Any, default: Any, folder: Path) -> Any:
    """Take a relative path from a folder; an address, the default, and what is no text stay."""
    if not isinstance(value, str) or value in ("", default) or "://" in value:
        return value
    return str((folder / Path(value).expanduser()).resolve())


class Options(BaseModel):
    """A configuration whose fields are defined by :func:`option`.

    Raises
    ------
    InputError
        For an unknown option, or a value of the wrong type or out of range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    #: Further former names, which are no flags of the command line.
    other_former_names: ClassVar[dict[str, str]] = {}
    #: Options that belong to every group.
    common: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(f"The options do not fit. {explain_validation(error, values=True)}.") from None

    @classmethod
    def parse(cls, *layers: Mapping[str, Any]) -> Self:
        """Build a configuration from layers of options, of which the later ones win.

        Options that are None have their defaults; former names are read.

        Raises
        ------
        InputError
            For an unknown option, or a value of the wrong type or out of range.
        """
        values = {name: value for layer in layers for name, value in cls.renamed(layer).items() if value is not None}
        for name in values:
            if name not in cls.model_fields:
                raise InputError(cls._unknown(name))
        return cls(**values)

    @classmethod
    def from_variables(cls, variables: Mapping[str, Any]) -> Self:
        """Build a configuration from those of a notebook's variables that bear the name of an option.

        Parameters
        ----------
        variables : mapping
            ``globals()`` of the notebook.
        """
        former_names = cls.former_names()
        present = {name: value for name, value in variables.items() if name in cls.model_fields}
        former = {name: value for name, value in variables.items() if name in former_names}
        return cls.parse(present, former)  # a cell has the present names; a former one was handed in from outside

    def params(self, *names: str) -> dict[str, Any]:
        """Return options as parameters of a function; ``names`` as :meth:`option_names` takes them."""
        return {name: getattr(self, name) for name in self.option_names(*names)}

    @classmethod
    def option_names(cls, *names: str) -> list[str]:
        """Return the names of options in their order, those in :attr:`common` always among them.

        Parameters
        ----------
        names : str
            Groups of options, or single ones; by default all.

        Raises
        ------
        InputError
            For a name that is neither.
        """
        fields, known = cls.model_fields, cls.groups_and_options()
        if unknown := [name for name in names if name not in known]:
            raise InputError(f"There is no option, and no group of options, {unknown[0]!r}.")
        chosen = {*names, *cls.common}
        return [name for name in fields if not names or {name, cls.details(name)["group"]} & chosen]

    @classmethod
    def groups_and_options(cls) -> list[str]:
        """Return the names of all groups of options, and of all options."""
        return list(dict.fromkeys([*(str(cls.details(name)["group"]) for name in cls.model_fields), *cls.model_fields]))

    @classmethod
    def details(cls, name: str) -> dict[str, Any]:
        """Return the group of an option, and where it has them ``flag``, ``old`` and ``path`` (see :func:`option`)."""
        extra = cls.model_fields[name].json_schema_extra
        assert isinstance(extra, dict)
        return dict(extra)

    @classmethod
    def describe(cls, name: str) -> str:
        """Return the description of an option, its limits behind it in brackets."""
        limits = _limits(cls.model_fields[name])
        text = ", ".join(f"{_LIMITS[key]} {limits[key]:g}" for key in _LIMITS if key in limits)
        return f"{cls.model_fields[name].description or ''}{f' ({text})' if text else ''}"

    @classmethod
    def default_of(cls, name: str) -> Any:
        """Return the default of an option."""
        return cls.model_fields[name].get_default(call_default_factory=True)

    @classmethod
    def former_names(cls) -> dict[str, str]:
        """Return former names of options, which are still read: former name → name."""
        names = {name: cls.details(name).get("old") for name in cls.model_fields}
        return {old: name for name, old in names.items() if old} | cls.other_former_names

    @classmethod
    def renamed(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return options by their present names.

        Raises
        ------
        InputError
            When an option is given by two names.
        """
        former, renamed = cls.former_names(), dict[str, Any]()
        for name, value in values.items():
            present = former.get(name, name)
            if present in renamed:
                old = next(name for name in values if former.get(name) == present)
                raise InputError(f"{present} is given twice, once by its former name {old}; give it once.")
            renamed[present] = value
        return renamed

    @classmethod
    def with_absolute_paths(cls, values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """Return options whose paths are absolute; relative ones are taken from a folder."""
        resolved = cls.renamed(values)
        for name, value in resolved.items():
            if name not in cls.model_fields or not cls.details(name).get("path"):
                continue
            default = cls.default_of(name)
            if isinstance(value, list | tuple):
                resolved[name] = [_absolute(one, default, folder) for one in value]
            else:
                resolved[name] = _absolute(value, default, folder)
        return resolved

    @classmethod
    def _unknown(cls, name: str) -> str:
        close = difflib.get_close_matches(name, [*cls.model_fields, *cls.former_names()], n=1)
        if close:
            return f"There is no option {name!r}; did you mean {close[0]}?"
        return f"There is no option {name!r}. There are: {', '.join(cls.model_fields)}."
