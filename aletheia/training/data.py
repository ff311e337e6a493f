"""The data module: two manifests in, whole batches of uint8 pixels out."""

from __future__ import annotations

import collections
import functools
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.datasets.labels import fake_flags
from aletheia.imaging.pixel_cache import Pixels, decode_images
from aletheia.imaging.transforms import albumentations_recipe
from aletheia.training.config import TrainConfig
from aletheia.training.fault_injection import faulty_labels
from aletheia.training.group_weights import group_weights

if TYPE_CHECKING:
    import albumentations

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class PixelDataset(Dataset[Batch]):
    """Decoded images and labels; indexed with a list of rows, it returns a whole batch.

    Parameters
    ----------
    pixels : Pixels
        Decoded images.
    labels : ndarray
        (m,) float32, 1 for fake.
    recipe : callable, optional
        Builds the albumentations.Compose that is applied to each image on its own; called once a thread.
    weights : ndarray, optional
        (m,) float32 of the rows in the loss; 1 by default.
    """

    def __init__(
        self,
        pixels: Pixels,
        labels: Array,
        recipe: Callable[[], albumentations.Compose] | None = None,
        weights: Array | None = None,
    ) -> None:
        self.pixels = pixels
        self.labels = torch.from_numpy(np.asarray(labels, dtype=np.float32))
        self.weights = torch.ones_like(self.labels) if weights is None else torch.from_numpy(weights)
        self.recipe = recipe
        self._local = threading.local()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, batch: tuple[int, list[int]]) -> Batch:
        """Return (pixels (B, H, W, 3) uint8, labels (B,), weights (B,)) for a seed and a list of rows."""
        seed, rows = batch
        images = self.pixels.array[rows]
        if self.recipe is not None:
            if not hasattr(self._local, "recipe"):
                self._local.recipe = self.recipe()
            recipe = self._local.recipe
            # Seeded by batch, not once, so that a resumed epoch draws the same as an uninterrupted one.
            recipe.set_random_seed(seed)
            images = np.stack([recipe(image=image)["image"] for image in images])
        return torch.from_numpy(images), self.labels[rows], self.weights[rows]


class EpochBatches(Sampler[tuple[int, list[int]]]):
    """Batches of row numbers; the order is a function of seed and epoch alone, so there is no state to lose.

    Parameters
    ----------
    n : int
        Rows.
    batch_size : int
        Rows in a batch.
    seed : int or None
        Shuffle with this seed and drop an incomplete last batch; None keeps the order and every row.
    classes : ndarray, optional
        (n,) 0 or 1 a row. With a seed, half of every batch is of either class (of an odd batch size the larger half
        alternates); an epoch has as many batches as without.
    rank, world : int
        Rank of this process, from 0, among `world` processes, each of which takes its part of a batch.
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        seed: int | None = None,
        classes: Array | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.n, self.batch_size, self.seed, self.epoch = n, batch_size, seed, 0
        self.classes, self.rank, self.world = classes, rank, world

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls this before each."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n // self.batch_size if self.seed is not None else -(-self.n // self.batch_size)

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:
        if self.seed is None:
            order = np.arange(self.n)
        elif self.classes is None:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(self.n)
        else:
            order = self._alternating(np.random.default_rng((self.seed, self.epoch)))
        for index in range(len(self)):
            rows = order[index * self.batch_size : (index + 1) * self.batch_size].tolist()
            seed = mix_seed(self.seed or 0, self.epoch, index, *rank_seed(self.rank, self.world))
            yield seed, self._share(rows)

    def _share(self, rows: list[int]) -> list[int]:
        """Return this process's part of a batch: neighbouring rows, so that it has both of alternating classes."""
        share: list[int] = np.array_split(rows, self.world)[self.rank].tolist()
        return share

    def _alternating(self, rng: np.random.Generator) -> Array:
        """Draw rows of the two classes in turn, each class shuffled, and shuffled again when it is used up."""
        order = np.empty(self.n, dtype=np.int64)
        for value in (0, 1):
            rows, n_rows = np.flatnonzero(self.classes == value), len(order[value::2])
            rounds = [rng.permutation(rows) for _ in range(-(-n_rows // len(rows)))]
            order[value::2] = np.concatenate(rounds)[:n_rows]
        return order


class BatchesAhead:
    """Batches of a dataset in order, prepared by threads while the network works on the previous ones.

    Parameters
    ----------
    dataset : PixelDataset
    sampler : EpochBatches
    workers : int
        Number of threads; twice as many batches are prepared ahead.
    """

    def __init__(self, dataset: PixelDataset, sampler: EpochBatches, workers: int) -> None:
        self.dataset, self.sampler, self.workers = dataset, sampler, workers

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        pool = ThreadPoolExecutor(self.workers)
        pending: collections.deque[Future[Batch]] = collections.deque()
        try:
            for batch in self.sampler:
                pending.append(pool.submit(self.dataset.__getitem__, batch))
                if len(pending) > 2 * self.workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def mix_seed(*parts: int) -> int:
    """Combine several numbers into one 32-bit seed; neighbouring numbers give unrelated seeds."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def rank_seed(rank: int, world: int) -> tuple[int, ...]:
    """Return the numbers to add to a seed so that no two processes draw the same; none for a single process."""
    return (rank,) if world > 1 else ()


class FaceData(pl.LightningDataModule):
    """Training and validation rows, decoded once into a shared uint8 cache at `config.image_size`.

    Parameters
    ----------
    config : TrainConfig
        Batch size, image size, augmentation and seed.
    train, val : DataFrame
        Manifests with at least the columns path and label.
    progress : bool
        Show a progress bar while decoding.

    Attributes
    ----------
    skipped : DataFrame
        Columns path, reason, split: rows that could not be read and are left out.
    """

    def __init__(self, config: TrainConfig, train: pd.DataFrame, val: pd.DataFrame, *, progress: bool = False) -> None:
        super().__init__()
        self.config, self.progress = config, progress
        self.frames = {"train": train, "val": val}
        self.sets: dict[str, PixelDataset] = {}
        self.skipped = pd.DataFrame(columns=["path", "reason", "split"])

    def setup(self, stage: str | None = None) -> None:
        """Decode the images, once.

        Raises
        ------
        InputError
            No readable rows, one class only, groups that cannot be weighed, or a batch larger than the training data.
        """
        if self.sets:
            return
        skipped = []
        for split, frame in self.frames.items():
            pixels = decode_images(frame["path"].tolist(), self.config.image_size, progress=self.progress)
            labels = (fake_flags(frame) if len(frame) else np.empty(0)).astype(np.float32)[pixels.rows]
            skipped.append(pixels.skipped.assign(split=split))
            _check_classes(split, labels, len(pixels.skipped))
            recipe = weights = None
            if split == "train":
                labels = faulty_labels(labels, self.config.fault, self.config.fault_share, self.config.seed)
                if self.config.augmentation == "albumentations":
                    recipe = functools.partial(albumentations_recipe, self.config.image_size)
                if self.config.group_weights:
                    weights = group_weights(frame.iloc[pixels.rows], labels, self.config.group_weights)
            self.sets[split] = PixelDataset(pixels, labels, recipe, weights)
        self.skipped = pd.concat(skipped, ignore_index=True)
        n = len(self.sets["train"])
        if self.config.batch_size > n:
            raise InputError(
                f"batch_size: {self.config.batch_size} is larger than the training data ({n} readable rows). "
                f"Choose at most {n}, or bring more data."
            )

    @property
    def class_counts(self) -> tuple[int, int]:
        """Numbers of real and of fake training rows."""
        labels = self.sets["train"].labels
        return int((labels == 0).sum()), int((labels == 1).sum())

    def fingerprint(self) -> str:
        """Hash the rows in their order: labels, and pixels of up to 4,096 images, evenly spread."""
        digest = hashlib.sha256()
        for split, dataset in sorted(self.sets.items()):
            digest.update(f"{split} {len(dataset)} {dataset.pixels.array.shape}".encode())
            digest.update(dataset.labels.numpy().tobytes())
            if self.config.group_weights:
                digest.update(dataset.weights.numpy().tobytes())
            step = -(-len(dataset) // 4096)
            digest.update(np.ascontiguousarray(dataset.pixels.array[::step]).tobytes())
        return digest.hexdigest()

    def train_dataloader(self) -> DataLoader[Batch] | BatchesAhead:
        """Return shuffled batches of exactly `config.batch_size` rows, prepared ahead if augmentation is slow."""
        dataset = self.sets["train"]
        classes = dataset.labels.numpy() if self.config.sampling == "balanced" else None
        batches = EpochBatches(len(dataset), self.config.batch_size, self.config.seed, classes, *self._share())
        if dataset.recipe is not None:
            return BatchesAhead(dataset, batches, get_settings().workers)
        return DataLoader(dataset, sampler=batches, batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return all validation rows in order; no metric depends on the size of their batches."""
        dataset = self.sets["val"]
        rank, world = self._share()
        batches = EpochBatches(len(dataset), self.config.eval_batch_size, rank=rank, world=world)
        return DataLoader(dataset, sampler=batches, batch_size=None)

    def val_batches(self) -> Iterator[Batch]:
        """Yield all validation rows in order, for any number of processes."""
        dataset = self.sets["val"]
        for batch in EpochBatches(len(dataset), self.config.eval_batch_size):
            yield dataset[batch]

    def _share(self) -> tuple[int, int]:
        trainer = self.trainer
        return (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for another process of the training: the rows, whose pixels it decodes itself."""
        return {**self.__dict__, "sets": {}, "progress": False}


def _check_classes(split: str, labels: Array, unreadable: int) -> None:
    note = f" ({unreadable} more could not be read)" if unreadable else ""
    if not len(labels):
        raise InputError(f"The {split} set has no readable rows{note}. Check the paths in its manifest.")
    if labels.min() == labels.max():
        only = "fake" if labels[0] else "real"
        raise InputError(
            f"The {split} set has only rows labelled {only!r} ({len(labels)}){note}. Both classes are needed: "
            "add data, or change the fractions or the seed of the split."
        )
