"""What the pods of a cluster are: image, resources, volumes, secrets and more, from ``spec.params`` of project.yaml."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aletheia.core.errors import InputError
from aletheia.project.project_yaml import FILE

#: Key below ``spec.params``.
KEY = "cluster"
_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|[KMGT]i?)?$"
_NAME = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pod(_Strict):
    """Resources of the pods of a function, as Kubernetes writes them: cores, bytes with a unit, graphics cards."""

    cpu: str | None = Field(None, pattern=_QUANTITY)
    memory: str | None = Field(None, pattern=_QUANTITY)
    gpus: int | None = Field(None, ge=1, le=64)


class Volume(_Strict):
    """A claim, and where pods see it."""

    claim: str = Field(pattern=_NAME)
    path: str = Field(pattern=r"^/[\w./-]+$")


class Cluster(_Strict):
    """The pods that run the functions.

    Attributes
    ----------
    image : str
        Of functions that name none; holds aletheia and its environment. By default the project's ``default_image``.
    default : Pod
        Resources of functions that `pods` does not name.
    pods : dict of Pod
        By function.
    volumes : list of Volume
        Mounted in every pod.
    env : dict of str
        Environment variables of every pod.
    secrets : dict of str
        Environment variables, and the secret whose key of the same name holds each.
    retries : int
        How often a step that failed is tried again.
    """

    image: str = "aletheia-functions"
    default: Pod = Pod()
    pods: dict[str, Pod] = {}
    volumes: list[Volume] = []
    env: dict[str, str] = {}
    secrets: dict[str, str] = {}
    retries: int = Field(0, ge=0, le=10)


def read_cluster(project: dict[str, Any], functions: list[str]) -> Cluster:
    """Read the cluster's part of ``project.yaml``; without one, the defaults.

    Parameters
    ----------
    project : dict
        As `aletheia.project.project_yaml.read_definition` returns it.
    functions : list of str
        Names of its functions.

    Raises
    ------
    InputError
        When it holds an unknown key, a wrong value, or resources of a function that there is none of.
    """
    spec: dict[str, Any] = project["spec"]
    given = (spec.get("params") or {}).get(KEY) or {}
    if isinstance(given, dict) and spec.get("default_image"):
        given = {"image": spec["default_image"], **given}
    try:
        cluster = Cluster.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("spec", "params", KEY, *first["loc"])))
        raise InputError(f"{FILE}: {place}: {first['msg']}") from None
    if unknown := sorted(set(cluster.pods) - set(functions)):
        raise InputError(f"{FILE}: spec.params.{KEY}.pods names {', '.join(unknown)}, which is no function.")
    return cluster
