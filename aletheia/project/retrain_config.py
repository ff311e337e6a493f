"""Configuration of a retraining: its own options, and the recipe of the model that it starts from."""

from __future__ import annotations

from typing import Any, Self

from pydantic import field_validator

from aletheia.core.buckets.addresses import is_bucket_url, parse_url
from aletheia.core.errors import InputError
from aletheia.datasets.additions import SHARE
from aletheia.lifecycle.retraining.champion import Champion, find_champion
from aletheia.project.options import option
from aletheia.project.run_config import RunConfig
from aletheia.project.run_options import RunOptions
from aletheia.release.registry import PROJECT

#: Options of the former run that say nothing of the next one.
_OF_ONE_RUN = ("model_version", "experiment", "preset", "promote", "retrains", "leave_out")
#: Options that may differ from those of the model's run: they do not change what is learnt.
_FREE = (*_OF_ONE_RUN, "seed", "limits", "accept_unjudged", "waive", "network_controls")


class RetrainConfig(RunConfig):
    """Options of the workflow `retrain`; those of the recipe come from the model that it starts from.

    Raises
    ------
    InputError
        For an unknown option, or a value of the wrong type or out of range; :meth:`check` finds the rest.
    """

    add: list[str] = option(
        "retraining",
        [],
        "Accepted new faces: manifests, as `aletheia feedback export` writes them, or folders with real/ and fake/; "
        "one class is enough.",
        path=True,
    )
    champion: str = option(
        "retraining",
        "",
        "Version or tag of the model to retrain; by default the one in production, else the candidate.",
    )
    held_back_share: float = option(
        "retraining", SHARE, "Share of the new people that nobody learns from, to compare models on.", ge=0, le=0.9
    )
    auto_promote: bool = option(
        "retraining",
        False,
        "Put the new model into production by itself when the gate and staging let it pass; else that is yours to do.",
    )

    @field_validator("add", mode="before")
    @classmethod
    def _accept_single_path(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    def check(self) -> RetrainConfig:
        """Look up the recipe of the champion, and refuse now what a later step would refuse.

        Returns
        -------
        RetrainConfig
            With all options of the recipe, and the champion's version by number.

        Raises
        ------
        InputError
            When there is no champion or its recipe is not known, nothing to add, or an option that contradicts the
            recipe; and as `RunConfig.check`.
        """
        if not self.add:
            raise InputError("There is nothing new to learn from: name accepted faces, a manifest or folder, by add.")
        config = self.with_recipe(self.starting_point())
        RunConfig.check(config)
        return config

    def starting_point(self) -> Champion:
        """Look up the model that the retraining starts from.

        Raises
        ------
        InputError
            When there is none, or its recipe is not known.
        """
        from aletheia.tracking import ensure_tracking
        from aletheia.tracking.reader import Reader

        with Reader(ensure_tracking()) as reader:
            return find_champion(reader, PROJECT, self.champion)

    def check_sources(self) -> None:
        """Raise InputError for new faces that are missing, or lie on another machine and in no bucket (``s3://…``)."""
        from aletheia.datasets.listing import list_source

        for path in self.add:
            if is_bucket_url(path):
                parse_url(path)
            else:
                list_source(path)

    def with_recipe(self, champion: Champion) -> Self:
        """Return this configuration with the options of the champion's run.

        Raises
        ------
        InputError
            When an option was given that contradicts them.
        """
        options = {name: value for name, value in champion.options.items() if name in RunOptions.model_fields}
        recipe = {name: value for name, value in options.items() if name not in _OF_ONE_RUN}
        given = self.model_dump(exclude_unset=True)
        former = type(self).parse(recipe)
        for name, value in given.items():
            if name in recipe and name not in _FREE and value != getattr(former, name):
                raise InputError(
                    f"{name}: a retraining keeps the recipe of {champion.model.name}, which has "
                    f"{getattr(former, name)!r}, not {value!r}. `aletheia run` trains by another recipe."
                )
        values: dict[str, Any] = recipe | given | {"champion": champion.model.name}
        return type(self).parse(values)
