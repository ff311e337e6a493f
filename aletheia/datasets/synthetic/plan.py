"""The plan of the data set (the images of each person, real or forged, and by which method), and its drawing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.datasets.synthetic.cameras import CAMERAS, capture, draw_file_settings, encode_file
from aletheia.datasets.synthetic.faces import render
from aletheia.datasets.synthetic.forgeries import GENERATORS, face_swap, self_blended, upsampled
from aletheia.datasets.synthetic.people import Person, draw_people
from aletheia.datasets.synthetic.scene import draw_shot
from aletheia.imaging.reading import examine_image

FAKE_SHARE = 0.82  # as in DFDC (Dolhansky et al., 2020)
CIRCLE = 2  # identities that swap faces among themselves: few, so that a test part has many independent groups
SHOTS = 10  # images an identity, on average
_GENERATOR_SHARES = (0.34, 0.36, 0.30)


@dataclasses.dataclass(frozen=True)
class PlannedImage:
    """One file to be made."""

    path: str  # relative to the data set
    person: int  # index into the job's people
    generator: str  # '' for a real one
    donor: int  # index into the job's people; -1 without one
    number: int  # seeds everything that is random in it


@dataclasses.dataclass(frozen=True)
class Job:
    """The images of one circle of identities: the unit of parallel work."""

    seed: int
    source: str
    people: list[Person]
    images: list[PlannedImage]


def _circles(people: list[Person], seed: int) -> list[list[Person]]:
    """Form pairs of alike identities: forgers choose donors that resemble the target.

    A swap connects target and donor, and a split must keep connected rows together. Were donors drawn from
    everyone, a few hundred swaps would connect all identities and nothing could be split.
    """
    rng = np.random.default_rng((seed, 21))
    order = sorted(people, key=lambda p: (p.gender, p.monk + rng.normal(0, 0.7), p.years))
    return [order[i : i + CIRCLE] for i in range(0, len(order), CIRCLE)]


def _real_odds(person: Person) -> float:
    """Compute how likely a person's images are real, relative to others: the bias that an analysis should find."""
    return (
        (0.40 if person.monk >= 7 else 1.0)
        * (0.6 if person.age == "18-29" else 1.25)
        * (0.85 if person.gender == "female" else 1.1)
    )


def _deal_labels(people: list[Person], shots: Array, n_real: int, rng: np.random.Generator) -> list[Array]:
    """Decide which shots of each person are real, (shots,) bool: ``n_real`` in all, by systematic sampling."""
    odds = np.repeat([_real_odds(p) for p in people], shots).astype(float)
    chance = np.minimum(odds / odds.sum() * n_real, 1.0)
    at = np.cumsum(chance) * (n_real / chance.sum()) + rng.random()
    real = np.diff(np.floor(at), prepend=np.floor(at[0] - chance[0])) > 0
    missing = n_real - int(real.sum())
    if missing:  # by rounding, at most a few
        pick = rng.permutation(np.flatnonzero(real != (missing > 0)))[: abs(missing)]
        real[pick] = missing > 0
    return [rng.permutation(part) for part in np.split(real, np.cumsum(shots)[:-1])]


def plan_dataset(n: int, pool: int, seed: int) -> list[Job]:
    """Plan every image before any is drawn; ``n`` in the main set, ``pool`` in the other."""
    rng = np.random.default_rng((seed, 22))
    count = CIRCLE * max(round(n / SHOTS / CIRCLE), 1)
    circles = _circles(draw_people(count, "cam-a", seed), seed)
    people = [person for circle in circles for person in circle]
    shots = np.full(count, n // count) + (np.arange(count) < n % count)
    labels = _deal_labels(people, shots, n - round(FAKE_SHARE * n), rng)
    n_fake = sum(int((~part).sum()) for part in labels)
    at = (np.arange(n_fake) + 0.5) / max(n_fake, 1)
    generators = rng.permutation(np.searchsorted(np.cumsum(_GENERATOR_SHARES), at)).tolist()
    jobs, number, k = [], 0, 0
    for circle in circles:
        images = []
        for i, person in enumerate(circle):
            for real in labels[k]:
                generator = "" if real else GENERATORS[generators.pop()]
                donor = int(rng.choice([j for j in range(CIRCLE) if j != i])) if generator == "face-swap" else -1
                folder = f"fake/{generator}" if generator else "real"
                images.append(PlannedImage(f"{folder}/{person.identity}-{number:06d}.jpg", i, generator, donor, number))
                number += 1
            k += 1
        jobs.append(Job(seed, "cam-a", circle, images))
    pool_people = draw_people((pool + 1) // 2, "cam-b", seed)  # two shots each
    for start in range(0, len(pool_people), 8):
        group = pool_people[start : start + 8]
        images = [
            PlannedImage(f"ffhq/{2 * (start + i) + shot:05d}.jpg", i, "", -1, 10_000_000 + 2 * (start + i) + shot)
            for i in range(len(group))
            for shot in range(2)
            if 2 * (start + i) + shot < pool
        ]
        jobs.append(Job(seed, "cam-b", group, images))
    return jobs


@dataclasses.dataclass(frozen=True)
class PlannedRow:
    """What the manifest will hold of an image, but for the file."""

    path: str
    label: str
    source: str
    generator: str
    identity: str
    pair: str
    gender: str
    age: str
    skin_tone: str


def planned_rows(n: int, seed: int) -> list[PlannedRow]:
    """Plan the rows of the main set of a data set of ``n`` images."""
    return [planned_row(job, image) for job in plan_dataset(n, 0, seed) for image in job.images]


def planned_row(job: Job, planned: PlannedImage) -> PlannedRow:
    """Return the row of an image of a plan."""
    person = job.people[planned.person]
    return PlannedRow(
        path=planned.path,
        label="fake" if planned.generator else "real",
        source=job.source,
        generator=planned.generator,
        identity=person.identity,
        pair=f"{person.identity}|{job.people[planned.donor].identity}" if planned.donor >= 0 else "",
        gender=person.gender,
        age=person.age,
        skin_tone=person.skin_tone,
    )


def draw_image(job: Job, planned: PlannedImage) -> bytes:
    """Draw one image of a plan as JPEG. The result depends on the seed and the image's number alone."""
    rng = np.random.default_rng((job.seed, 31, planned.number))
    camera, person = CAMERAS[job.source], job.people[planned.person]
    shot = draw_shot(rng)
    settings = draw_file_settings(camera, rng)
    scene, points = render(person, shot)
    image = capture(scene, camera, rng)
    if planned.generator == "self-blended":
        image = self_blended(image, points, rng)
    elif planned.generator == "face-swap":
        donor, donor_points = render(job.people[planned.donor], shot, head_only=True)
        image = face_swap(image, points, donor * np.float32(255), donor_points, rng)
    elif planned.generator == "upsampled":
        image = upsampled(image, points, rng)
    return encode_file(image, settings)


def run_job(job: Job, folder: str) -> list[dict[str, Any]]:
    """Draw and write the images of one job; returns their manifest rows."""
    cv2.setNumThreads(1)  # the processes already share the cores
    rows = []
    for planned in job.images:
        data = draw_image(job, planned)
        path = Path(folder) / planned.path
        path.write_bytes(data)
        properties, phash, sha256 = examine_image(data)
        row = dataclasses.asdict(planned_row(job, planned)) | {"path": str(path)}
        people = {name: row.pop(name) for name in ("gender", "age", "skin_tone")}
        rows.append({**row, **dataclasses.asdict(properties), **people, "phash": phash, "sha256": sha256})
    return rows
