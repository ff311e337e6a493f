"""Exceptions that a person makes for a model: checks that may stay unjudged, and shortcuts that are waived, by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aletheia.core.errors import InputError
from aletheia.release.checks.listing import registered_checks


@dataclass(frozen=True)
class Exceptions:
    """Names that a person gave; the model card shows them at its head.

    Attributes
    ----------
    accept_unjudged : tuple of str
        Codes or names of checks that may stay unjudged.
    waive : tuple of str
        Families of the audit, or columns of the manifest, that may give the label away.
    """

    accept_unjudged: tuple[str, ...] = ()
    waive: tuple[str, ...] = ()

    @classmethod
    def parse(
        cls, accept_unjudged: Sequence[str] | str | None = None, waive: Sequence[str] | str | None = None
    ) -> Exceptions:
        """Read the lists of a configuration; a single name may come without a list.

        Raises
        ------
        InputError
            For a name of no check.
        """
        exceptions = cls(_names(accept_unjudged), _names(waive))
        exceptions.accepted_codes()
        return exceptions

    def accepted_codes(self) -> frozenset[str]:
        """Return the codes of the checks that may stay unjudged.

        Raises
        ------
        InputError
            For a name of no check.
        """
        codes = {name: check.code for check in registered_checks() for name in (check.code, check.name)}
        _check("accept_unjudged", self.accept_unjudged, codes, "check of the gate")
        return frozenset(codes[name] for name in self.accept_unjudged)

    def check_waived(self, names: Iterable[str]) -> frozenset[str]:
        """Return the waived names.

        Parameters
        ----------
        names : iterable of str
            Families and columns of the evaluation.

        Raises
        ------
        InputError
            For a name that is none of these.
        """
        _check("waive", self.waive, names, "family of the audit or column of the manifest in this evaluation")
        return frozenset(self.waive)


def _names(names: Sequence[str] | str | None) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(map(str, names or ()))


def _check(option: str, names: Iterable[str], known: Iterable[str], kind: str) -> None:
    known = list(dict.fromkeys(known))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(known) or 'none'}."
            raise InputError(f"{option}: there is no {kind} {name[:100]!r}.{hint}")
