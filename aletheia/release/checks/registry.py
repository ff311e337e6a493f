"""The registry of checks, in the order in which they are shown."""

from __future__ import annotations

from typing import TypeVar

from aletheia.release.gate_check import GateCheck

registry: dict[str, GateCheck] = {}
CheckClass = TypeVar("CheckClass", bound=type[GateCheck])


def register_check(check: CheckClass) -> CheckClass:
    """Add a check to the gate; a decorator for subclasses of `GateCheck`.

    Raises
    ------
    ValueError
        When code, name or limit belong to another check.
    """
    for other in registry.values():
        shared = {check.code, check.name} & {other.code, other.name}
        if check.limit and other.limit and check.limit.field == other.limit.field:
            shared.add(check.limit.field)
        if shared:
            raise ValueError(f"the gate already has a check with {', '.join(map(repr, sorted(shared)))}")
    registry[check.code] = check()
    return check
