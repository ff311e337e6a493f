"""The people of the data set: identities with a face of their own and known demographics.

A :class:`Person` is a vector of shape and colour parameters. Lengths are in *face units*: one unit is half
the width of the face between the cheekbones (about 70 mm), so the averages below are those of facial
anthropometry.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from aletheia.core.arrays import Array

GENDERS = ("female", "male")
AGES = ("18-29", "30-44", "45-59", "60+")
SKIN_TONES = ("monk 1-2", "monk 3-4", "monk 5-6", "monk 7-8", "monk 9-10")

# The ten swatches of the Monk skin tone scale (E. Monk, 2019; skintone.google, CC BY 4.0) as sRGB.
MONK_SRGB = np.array(
    [
        (246, 237, 228), (243, 231, 219), (247, 234, 208), (234, 218, 186), (215, 189, 150),
        (160, 126, 86), (130, 92, 67), (96, 65, 52), (58, 49, 42), (41, 36, 32),
    ],
    dtype=np.float32,
)  # fmt: skip

# sRGB of hair, from black to red, and of irises, from brown to green.
_HAIR_SRGB = np.array([(22, 18, 16), (44, 31, 24), (84, 56, 36), (150, 112, 68), (196, 164, 112), (128, 62, 34)])
_GREY_SRGB = np.array((176, 174, 170))
_IRIS_SRGB = np.array([(58, 34, 20), (92, 58, 30), (104, 120, 128), (72, 104, 136), (96, 108, 70)])

# Share of each group. The main set is skewed on purpose; the pool, like FFHQ, less so.
GROUP_SHARES = {
    "cam-a": {
        "gender": (0.42, 0.58),
        "age": (0.38, 0.32, 0.20, 0.10),
        "skin_tone": (0.26, 0.31, 0.22, 0.13, 0.08),
    },
    "cam-b": {
        "gender": (0.52, 0.48),
        "age": (0.34, 0.30, 0.22, 0.14),
        "skin_tone": (0.24, 0.28, 0.22, 0.15, 0.11),
    },
}


@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed as objects: renderings of one are cached
class Person:
    """One identity. Lengths in face units, colours in linear light 0..1, the rest strengths around 0..1."""

    identity: str
    gender: str
    age: str
    monk: int  # 1..10
    years: float
    skin: Array  # (3,) linear RGB albedo
    hair: Array
    iris: Array
    lips: Array
    jaw: float
    chin: float
    face_length: float
    cheekbones: float
    eye_spacing: float
    eye_width: float
    eye_open: float
    eye_tilt: float
    fold: float  # upper lid: 0 hooded, 1 deep crease
    nose_length: float
    nose_width: float
    nose_height: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    brow_height: float
    brow_weight: float
    brow_arch: float
    ear_size: float
    hairline: float
    hair_style: str  # 'bald', 'short', 'receding', 'fringe', 'long', 'curly', 'tied'
    hair_volume: float
    beard: float  # 0 none, 0.3 stubble, 1 full
    moustache: float
    makeup: float
    freckles: float
    wrinkles: float
    glasses: bool
    texture_seed: int  # moles, freckles and pores stay the same in every shot

    @property
    def skin_tone(self) -> str:
        """The group of the Monk scale that the person belongs to, as written into the manifest."""
        return SKIN_TONES[(self.monk - 1) // 2]


def srgb_to_linear(colour: Array) -> Array:
    """Convert sRGB 0..255 to linear light 0..1 (IEC 61966-2-1)."""
    c = np.asarray(colour, np.float32) / 255.0
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32, copy=False)


def _skin_albedo(monk: int, rng: np.random.Generator) -> Array:
    swatch = srgb_to_linear(MONK_SRGB[monk - 1])
    # The swatches are paint-flat and, at the dark end, darker and greyer than skin in an exposed photograph:
    # the exponent lifts the dark end, the tint restores the red of blood that shows through.
    lifted = swatch ** (0.76 if monk <= 6 else 0.68) * (0.70 if monk <= 4 else 0.80)
    tint = np.array((1.13, 0.90, 0.76), np.float32) ** ((1.0 if monk <= 6 else 1.5) + 0.3 * rng.standard_normal())
    albedo: Array = np.clip(lifted * tint * np.exp(0.06 * rng.standard_normal()), 0.01, 0.85)
    return albedo.astype(np.float32)


def _hair_colour(monk: int, years: float, rng: np.random.Generator) -> Array:
    weights = (0.12, 0.22, 0.26, 0.18, 0.14, 0.08) if monk <= 4 else (0.62, 0.30, 0.08, 0.0, 0.0, 0.0)
    colour = _HAIR_SRGB[rng.choice(6, p=weights)] * np.exp(0.14 * rng.standard_normal() + 0.03 * rng.standard_normal(3))
    grey = np.clip((years - 42) / 28 + 0.25 * rng.standard_normal(), 0, 1)
    return srgb_to_linear(np.clip(colour * (1 - grey) + _GREY_SRGB * grey, 8, 235))


def _hair_style(gender: str, years: float, monk: int, rng: np.random.Generator) -> str:
    if gender == "female":
        styles, weights = ("long", "tied", "fringe", "curly", "short"), [0.42, 0.20, 0.16, 0.10, 0.12]
    else:
        styles, weights = ("short", "receding", "bald", "fringe", "curly"), [0.54, 0.12, 0.10, 0.14, 0.10]
        if years > 45:
            weights = [0.36, 0.34, 0.22, 0.04, 0.04]
    if monk >= 7:
        weights[styles.index("curly")] += 0.35
    return str(rng.choice(styles, p=np.array(weights) / np.sum(weights)))


def draw_person(identity: str, rng: np.random.Generator, gender: str, age: str, skin_tone: str) -> Person:
    """Draw one identity of the given demographic groups.

    Parameters
    ----------
    identity : str
        Name written into the manifest.
    rng : numpy.random.Generator
        Source of all randomness; one generator a person makes people independent of each other.
    gender, age, skin_tone : str
        One of :data:`GENDERS`, :data:`AGES` and :data:`SKIN_TONES`.
    """
    monk = 2 * SKIN_TONES.index(skin_tone) + int(rng.integers(1, 3))
    low, high = {"18-29": (18, 30), "30-44": (30, 45), "45-59": (45, 60), "60+": (60, 82)}[age]
    years = float(rng.uniform(low, high))
    male = gender == "male"

    def vary(mean: float, sd: float, low: float = -np.inf, high: float = np.inf) -> float:
        return float(np.clip(mean + sd * rng.standard_normal(), low, high))

    skin = _skin_albedo(monk, rng)
    makeup = 0.0 if male else float(rng.choice((0.0, 0.5, 1.0), p=(0.4, 0.35, 0.25)))
    lip_tint = np.array((0.98, 0.52, 0.50)) * (1 - 0.45 * makeup) + np.array((1.0, 0.20, 0.26)) * 0.45 * makeup
    old = np.clip((years - 35) / 35, 0, 1.3)
    return Person(
        identity=identity,
        gender=gender,
        age=age,
        monk=monk,
        years=years,
        skin=skin,
        hair=_hair_colour(monk, years, rng),
        iris=srgb_to_linear(_IRIS_SRGB[rng.choice(5, p=(0.3, 0.25, 0.15, 0.18, 0.12)) if monk <= 4 else rng.choice(2)]),
        lips=(skin * lip_tint * rng.uniform(0.85, 1.05)).astype(np.float32),
        jaw=vary(1.02 if male else 0.93, 0.06, 0.8, 1.15),
        chin=vary(1.08 if male else 0.92, 0.12, 0.7, 1.35),
        face_length=vary(1.0, 0.045, 0.9, 1.1),
        cheekbones=vary(1.0, 0.3, 0.3, 1.7),
        eye_spacing=vary(0.45, 0.022, 0.40, 0.50),
        eye_width=vary(0.215, 0.014, 0.18, 0.25),
        eye_open=vary(0.92 if male else 1.05, 0.13, 0.65, 1.35),
        eye_tilt=vary(0.06, 0.06, -0.08, 0.2),
        fold=vary(0.6, 0.3, 0.0, 1.0),
        nose_length=vary(1.0, 0.07, 0.85, 1.15),
        nose_width=vary(1.0 + 0.05 * (monk - 4) / 3 + (0.06 if male else -0.04), 0.1, 0.75, 1.4),
        nose_height=vary(1.0, 0.14, 0.65, 1.35),
        mouth_width=vary(0.37, 0.03, 0.3, 0.45),
        upper_lip=vary(0.095 + 0.004 * monk - 0.02 * old, 0.018, 0.05, 0.16),
        lower_lip=vary(0.125 + 0.004 * monk - 0.02 * old, 0.02, 0.07, 0.19),
        brow_height=vary(0.30 if male else 0.34, 0.03, 0.25, 0.42),
        brow_weight=vary(1.15 if male else 0.75, 0.22, 0.4, 1.7),
        brow_arch=vary(0.04 if male else 0.08, 0.03, -0.01, 0.15),
        ear_size=vary(1.0 + 0.1 * old, 0.1, 0.75, 1.35),
        hairline=vary(-1.28, 0.07, -1.45, -1.12),
        hair_style=_hair_style(gender, years, monk, rng),
        hair_volume=vary(0.17 if male else 0.22, 0.06, 0.07, 0.36),
        beard=float(rng.choice((0.0, 0.35, 1.0), p=(0.5, 0.3, 0.2))) * vary(0.9, 0.15, 0.5, 1) if male else 0.0,
        moustache=float(rng.random() < 0.25) if male else 0.0,
        makeup=makeup,
        freckles=float(rng.random() < (0.25 if monk <= 3 else 0.06)) * rng.uniform(0.3, 1),
        wrinkles=float(np.clip(old * vary(0.9, 0.25), 0, 1.4)),
        glasses=bool(rng.random() < 0.08 + 0.10 * old),
        texture_seed=int(rng.integers(2**31)),
    )


def draw_people(count: int, source: str, seed: int) -> list[Person]:
    """Draw ``count`` identities of a camera pool (:data:`GROUP_SHARES`), repeatable from ``seed``.

    Groups are dealt out by systematic sampling, so even a small set meets its shares as closely as whole
    people can.
    """
    shares = GROUP_SHARES[source]
    stream = sorted(GROUP_SHARES).index(source)
    rng = np.random.default_rng((seed, 11, stream))

    def deal(values: tuple[str, ...], share: tuple[float, ...]) -> Array:
        at = (np.arange(count) + rng.random()) / max(count, 1)
        picked = np.minimum(np.searchsorted(np.cumsum(share), at, side="right"), len(values) - 1)
        return np.asarray(np.array(values)[rng.permutation(picked)])

    genders, ages = deal(GENDERS, shares["gender"]), deal(AGES, shares["age"])
    tones = deal(SKIN_TONES, shares["skin_tone"])
    prefix = source.removeprefix("cam-")
    return [
        draw_person(
            f"{prefix}{i:04d}",
            np.random.default_rng((seed, 12, stream, i)),
            str(genders[i]),
            str(ages[i]),
            str(tones[i]),
        )
        for i in range(count)
    ]
