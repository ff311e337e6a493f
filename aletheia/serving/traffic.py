"""Which models a service answers with: the champion, and in an experiment a challenger beside it.

The champion may be switched while requests are answered. Each request is given its model once, when its turn begins,
and keeps it until its answer is written, so that no answer mixes two.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import logging
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from aletheia.core.errors import InputError
from aletheia.inference.errors import RequestError
from aletheia.lifecycle.experiments.assignment import CHALLENGER, CHAMPION, TrafficSplit
from aletheia.release.registry import find_model
from aletheia.serving.config import followed_models
from aletheia.serving.model_loading import LoadedModel, load_model, open_model

if TYPE_CHECKING:
    from aletheia.inference.timing import Stages
    from aletheia.serving.config import ServeConfig
    from aletheia.serving.ipc import Source

logger = logging.getLogger("aletheia.serving")

_SAMPLE_BYTES = 65_536  # of the beginning and the end of a video


@dataclasses.dataclass(frozen=True, eq=False)
class Experiment:
    """A challenger beside the champion.

    Attributes
    ----------
    challenger : LoadedModel
    split : TrafficSplit
        Of requests; the challenger's share is 0 where it is a shadow alone.
    is_shadowed : bool
        Whether the model that does not answer scores the same picture afterwards.
    """

    challenger: LoadedModel
    split: TrafficSplit
    is_shadowed: bool = False

    @property
    def sentence(self) -> str:
        """What happens, for people."""
        name, share = model_name(self.challenger), self.split.share
        parts = [f"answers {share:.1%} of the requests"] if share else []
        if self.is_shadowed:
            parts.append("whichever does not answer scores as well" if share else "scores what the champion answers")
        return f"{name} is the challenger: it {', and '.join(parts)}."


@dataclasses.dataclass(frozen=True, eq=False)
class Assignment:
    """The model that answers a request, in which role, and the other one of an experiment."""

    model: LoadedModel
    role: str = CHAMPION
    other: LoadedModel | None = None
    is_shadowed: bool = False


class Traffic:
    """The models of a service. May be shared by threads.

    Parameters
    ----------
    champion : LoadedModel
    experiment : Experiment, optional
    """

    def __init__(self, champion: LoadedModel, experiment: Experiment | None = None) -> None:
        # Of one moment, so that a reader sees no champion beside an experiment that ended with it.
        self._now: tuple[LoadedModel, Experiment | None] = champion, experiment
        self._previous = champion
        self._switching = threading.Lock()

    @property
    def champion(self) -> LoadedModel:
        """The model in production, or the only one."""
        return self._now[0]

    @property
    def experiment(self) -> Experiment | None:
        """The experiment that runs."""
        return self._now[1]

    @property
    def answering(self) -> list[LoadedModel]:
        """The models that requests may be answered by, the champion first."""
        champion, experiment = self._now
        return [champion, experiment.challenger] if experiment and experiment.split.share else [champion]

    def assign(self, key: Iterable[bytes | memoryview] = (), version: str = "") -> Assignment:
        """Give a request its model.

        Parameters
        ----------
        key : iterable of bytes
            See `aletheia.lifecycle.experiments.assignment.request_key`.
        version : str
            Of the model that is asked for; empty: whichever the split gives.

        Raises
        ------
        RequestError
            When that version does not answer, or no more.
        """
        champion, experiment = self._now
        models = {CHAMPION: champion}
        if experiment and experiment.split.share:
            models[CHALLENGER] = experiment.challenger
        if version:
            role = next((role for role, model in models.items() if model.version == version), None)
            if role is None:
                present = " and ".join(repr(model.version) for model in models.values())
                raise RequestError("not_found", f"There is no version {version[:60]!r} here; there is {present}.")
        else:
            role = experiment.split.role(key) if experiment else CHAMPION
        if experiment is None:
            return Assignment(champion)
        other = champion if role == CHALLENGER else experiment.challenger
        return Assignment(models[role], role, other, experiment.is_shadowed)

    def switch(self, champion: LoadedModel) -> bool:
        """Let another model be the champion from the next turn on; return whether that ended an experiment.

        It ends when its challenger becomes the champion, and does not come back with a rollback: whoever goes back from
        a model does not want it tried again before somebody says so. With another champion it goes on.
        """
        with self._switching:
            before, experiment = self._now
            ended = experiment is not None and experiment.challenger.version == champion.version
            self._previous, self._now = before, (champion, None if ended else experiment)
        if ended:
            logger.warning("the experiment is over: its challenger, %s, is in production", model_name(champion))
        return ended

    def model_of(self, version: str) -> LoadedModel:
        """Return the model with the version that an answer names; the champion if it is gone."""
        return next((model for model in self._open() if model.version == version), self.champion)

    def kept(self, artifact: str) -> LoadedModel | None:
        """Return the model of an artifact if it is still open: the champion, the one before, or the challenger."""
        return next((model for model in self._open() if model.artifact == artifact), None)

    def _open(self) -> list[LoadedModel]:
        champion, experiment = self._now
        return [champion, *([experiment.challenger] if experiment else []), self._previous]


def open_traffic(config: ServeConfig) -> Traffic:
    """Find and open the model of a service, and that of its experiment.

    A challenger that is in production already, as after a restart, leaves the champion alone: a service that does not
    start would be worse.

    Raises
    ------
    InputError
        When there is no such model, its files are damaged, or a challenger is the model that was named itself.
    """
    champion, name = load_model(config), config.challenger or config.shadow
    if not name:
        return Traffic(champion)
    challenger = open_model(config.model_copy(update={"weights": ()}), [find_model(name)])
    if challenger.version == champion.version:
        if followed_models(config) is None:
            raise InputError(f"{name!r} is the model that answers already; name another challenger.")
        logger.warning("there is no experiment: %s is in production", model_name(challenger))
        return Traffic(champion)
    split = TrafficSplit(config.split if config.challenger else 0.0, challenger.spec.weights_sha256)
    return Traffic(champion, Experiment(challenger, split, bool(config.shadow)))


def model_name(loaded: LoadedModel) -> str:
    """Return a model's name for people: the version under which it was registered, else where it comes from."""
    return loaded.release or f"{loaded.uri} ({loaded.version})"


def video_sample(source: Source) -> Iterator[bytes]:
    """Yield beginning, end and length of a video, by which its request is assigned: reading all would take seconds."""
    if isinstance(source, bytes):
        yield from (source[:_SAMPLE_BYTES], source[-_SAMPLE_BYTES:], str(len(source)).encode())
        return
    try:
        with Path(source).open("rb") if isinstance(source, str | Path) else contextlib.nullcontext(source) as file:
            size = file.seek(0, os.SEEK_END)
            for start in (0, max(size - _SAMPLE_BYTES, 0)):
                file.seek(start)
                yield file.read(_SAMPLE_BYTES)
            file.seek(0)
            yield str(size).encode()
    except (OSError, ValueError):  # who decodes it says what is wrong
        return


@dataclasses.dataclass(frozen=True, eq=False)
class CurrentRequest:
    """What belongs to the request at hand: its clock and its model."""

    stages: Stages
    assignment: Assignment

    def __deepcopy__(self, memo: object) -> CurrentRequest:
        """Return itself: MLRun copies what it passes on."""
        return self

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Make it the current one of this thread: MLRun's graph works in another."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


_current: contextvars.ContextVar[CurrentRequest | None] = contextvars.ContextVar("request", default=None)


def current_request() -> CurrentRequest | None:
    """Return the request at hand; None outside of one."""
    return _current.get()
