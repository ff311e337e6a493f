"""Configuration of a run: one model that the command line, YAML files, notebooks and MLRun's arguments fill.

Its options are those of :class:`~aletheia.project.run_options.RunOptions`; here stands what follows from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aletheia.core.buckets.addresses import is_bucket_url, parse_url
from aletheia.core.errors import InputError
from aletheia.core.paths import check_is_local
from aletheia.faces.crop_config import CropConfig
from aletheia.project.progress import label_of_steps
from aletheia.project.run_options import RunOptions
from aletheia.project.search_options import check_search, grid_cells, search_arguments, split_cell
from aletheia.training.search_plan import SearchPlan
from aletheia.training.search_space import Point

if TYPE_CHECKING:
    from aletheia.training.config import TrainConfig


class RunConfig(RunOptions):
    """Options of a run of the workflow, and what the steps take of them.

    Raises
    ------
    InputError
        For an unknown option, or a value of the wrong type or out of range; :meth:`check` finds the rest.
    """

    def check_sources(self) -> None:
        """Raise InputError for a source that lies on another machine, and in no bucket (``s3://…``)."""
        for path in (self.source, self.manifest, self.manifest_root, self.real_pool):
            if is_bucket_url(path):
                parse_url(path)
            else:
                check_is_local(path)
        for path in self.link_roots:
            check_is_local(path)

    def check(self) -> RunConfig:
        """Refuse now what a later step would refuse after the data has been prepared; return the configuration itself.

        Raises
        ------
        InputError
            For a source that lies on another machine, drawn pictures too few to split, or a balance policy, a remedy, a
            way to cut faces out, a network or a cell of the grid that cannot be.
        """
        from aletheia.datasets.balance import check_policy
        from aletheia.datasets.leave_out import check_leave_out
        from aletheia.datasets.official_split import check_split_policy
        from aletheia.datasets.pipeline import SYNTHETIC
        from aletheia.datasets.synthetic.plan_check import check_plan
        from aletheia.faces.detectors.registry import find_detector
        from aletheia.release.exceptions import Exceptions
        from aletheia.release.gate import GateLimits

        self.check_sources()
        for word in self.leave_out:
            check_leave_out(word)
        check_policy(self.balance)
        check_split_policy(self.split)
        GateLimits.parse(self.limits)
        Exceptions.parse(self.accept_unjudged)
        if self.remedies:  # the audit, which it imports, takes seconds to load
            from aletheia.audit.remedies import Remedies

            Remedies.parse(self.remedies)
        find_detector(self.crop_config().detector)
        check_search(self)
        if self.source == SYNTHETIC:
            check_plan(self.n_synthetic, self.seed, self.split_fractions())
        return self

    def split_fractions(self) -> tuple[float, float, float]:
        """Return the shares of the training, validation and test faces."""
        return 1 - self.val_share - self.test_share, self.val_share, self.test_share

    def labels(self) -> dict[str, str]:
        """Return the labels of the runs of all steps.

        Where the steps run in this process, one label names it, by which a run that it leaves behind is known.
        """
        own = {"experiment": self.experiment} if self.experiment else {}
        return own | label_of_steps()

    def grid(self, epochs: int | None = None) -> list[TrainConfig]:
        """Return the cells of the grid, in the order in which MLRun goes through it.

        Raises
        ------
        InputError
            For a cell that cannot be.
        """
        return grid_cells(self, epochs or self.search_epochs)

    def search_plan(self) -> SearchPlan:
        """Return columns, strategy and selector of the search.

        Raises
        ------
        InputError
            For columns that the strategy cannot use.
        """
        columns: dict[str, list[Any]] = {
            "learning_rate": self.learning_rates,
            "batch_size": self.batch_sizes,
            **self.search_columns,
        }
        return SearchPlan.of(self.search, columns, self.search_trials, self.seed, self.search_selector)

    def search_arguments(self, **parallel: Any) -> dict[str, Any]:
        """Return the columns of the search, its strategy and its selector as ``mlrun.run_function`` takes them.

        Parameters
        ----------
        parallel
            ``parallel_runs`` and ``dask_cluster_uri`` of MLRun's ``HyperParamOptions``: how many cells train side by
            side, and on which Dask cluster.

        Raises
        ------
        InputError
            When the cells of the search go by the results of others, and are to be trained side by side.
        """
        is_placeholder = not isinstance(self.search, str)  # a pipeline that is compiled for a cluster
        plan = None if is_placeholder else self.search_plan()
        return search_arguments(plan, self.learning_rates, self.batch_sizes, **parallel)

    @classmethod
    def parse_cell(cls, options: Mapping[str, Any], **cell: Any) -> tuple[RunConfig, Point]:
        """Build the configuration of a search from what MLRun hands to one of its cells; also that cell's values.

        Parameters
        ----------
        options : mapping
            Options of a run, and values of the columns in ``search_columns``.
        cell
            Values of other columns; None where they are none.
        """
        rest, point = split_cell(options, **cell)
        return cls.parse(rest), point

    def source_options(self) -> dict[str, Any]:
        """Return how the source is read, as `aletheia.datasets.pipeline.load_dataset` takes it beside the source."""
        return {
            "manifest": self.manifest,
            "manifest_root": self.manifest_root,
            "n_synthetic": self.n_synthetic,
            "link_roots": self.link_roots,
            "guess_videos": not self.no_guessing,
            "seed": self.seed,
        }

    def crop_config(self) -> CropConfig:
        """Return how faces are found and cut out."""
        return CropConfig(
            size=self.image_size,
            policy=self.face_policy,
            margin=self.face_margin,
            largest_only=not self.all_faces,
            threshold=self.detector_threshold,
            min_size=self.min_face,
            detector=self.detector,
            frames=self.frames,
        )

    def train_config(self, **values: Any) -> TrainConfig:
        """Return the configuration of one training.

        Parameters
        ----------
        values
            Fields of :class:`~aletheia.training.config.TrainConfig` that no option decides, such as the learning rate
            of a cell of the grid. The recipe wins over them.

        Raises
        ------
        InputError
            For a recipe that sets what has an option of its own, or values that do not fit.
        """
        from aletheia.training.config import TrainConfig

        own = {
            "architecture": self.architecture,
            "image_size": self.image_size,
            "seed": self.seed,
            "max_epochs": self.epochs,
        }
        taken = own.keys() | {"fault", "learning_rate", "batch_size"}
        if twice := sorted(taken & self.recipe.keys()):
            raise InputError(f"recipe: {', '.join(twice)} has an option of its own; use that one.")
        return TrainConfig(**{**own, **values, **self.recipe})
