"""Pixels of any coded colour space, of standard or high dynamic range, as 8-bit sRGB.

Primaries and transfer functions have the code points of ITU-T H.273, which PNG, AVIF, HEIC and videos share. A picture
of high dynamic range (PQ or HLG) is tone-mapped by the curve of Report ITU-R BT.2390-8, section 5.4, from a display of
1000 cd/m² to the reference white of 203 cd/m² (Report ITU-R BT.2408): darker values stay as they are, highlights are
rolled off. Applied to the largest of the three channels, it leaves hues alone.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from aletheia.core.arrays import Array

#: Code points of transfer functions.
BT709, GAMMA22, GAMMA28, LINEAR, SRGB, PQ, HLG = 1, 4, 5, 8, 13, 16, 18
BT2020 = 9
_WHITE_NITS, _PEAK_NITS = 100.0, 1000.0
_D65 = (0.3127, 0.329)
#: Chromaticities (x, y) of red, green, blue and white, by code point of the primaries.
_PRIMARIES: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65),
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
# Pictures of standard definition are shown as they are: no player converts these primaries, which differ little.
_AS_SRGB = (1, 2, 5, 6, 7)
_ROWS = 1 << 16  # pixels that are converted at a time
Chromaticities = tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True)
class ColourSpace:
    """A coded colour space.

    Attributes
    ----------
    chromaticities : tuple of (x, y)
        Of red, green, blue and white.
    transfer : int or float
        Code point of the transfer function (int), or the exponent of a power (float).
    """

    chromaticities: Chromaticities = _PRIMARIES[1]
    transfer: int | float = SRGB

    @property
    def is_hdr(self) -> bool:
        """Whether the dynamic range is high: PQ or HLG."""
        return self.transfer in (PQ, HLG) and isinstance(self.transfer, int)

    @property
    def is_srgb(self) -> bool:
        """Whether pixels are shown as sRGB without a conversion."""
        return self == ColourSpace()


def coded_space(primaries: int, transfer: int) -> ColourSpace:
    """Return the colour space for two code points of H.273; sRGB in place of those that are unspecified or unknown.

    The curves for cameras of standard range (BT.709, BT.601, BT.2020) count as sRGB: displays show both alike.
    """
    chromaticities = _PRIMARIES[1] if primaries in _AS_SRGB else _PRIMARIES.get(primaries, _PRIMARIES[1])
    return ColourSpace(chromaticities, transfer if transfer in (GAMMA22, GAMMA28, LINEAR, PQ, HLG) else SRGB)


def to_srgb(pixels: Array, space: ColourSpace) -> Array:
    """Convert pixels to sRGB; colours outside of it are clipped channel by channel.

    Parameters
    ----------
    pixels
        uint8 or uint16 of full range, shape (H, W, 3).
    space
        Their colour space.

    Returns
    -------
    np.ndarray
        uint8, shape (H, W, 3).
    """
    import cv2

    table = _linear_light(space.transfer, np.iinfo(pixels.dtype).max)
    matrix = _to_bt709(space.chromaticities).astype(np.float32)
    codes = _display_codes(space.is_hdr)
    flat = pixels.reshape(-1, 3)
    converted = np.empty(flat.shape, np.uint8)
    for start in range(0, len(flat), _ROWS):
        light = np.take(table, flat[start : start + _ROWS])
        if space.is_hdr:
            light = _tone_map(light, space)
        light = cv2.transform(light[None], matrix)[0]
        np.clip(light, 0, 1, out=light)
        light *= 65535
        light += 0.5
        np.take(codes, light.astype(np.uint16), out=converted[start : start + _ROWS])
    return converted.reshape(pixels.shape)


def _to_xyz(chromaticities: Chromaticities) -> Array:
    """Compute the matrix from linear RGB to XYZ (SMPTE RP 177)."""
    xyz = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in chromaticities]).T
    matrix: Array = xyz[:, :3] * np.linalg.solve(xyz[:, :3], xyz[:, 3])
    return matrix


# Bradford's matrix for adapting from one white to another (Lam 1985; ICC.1:2022, annex E).
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@functools.lru_cache(maxsize=16)
def _to_bt709(chromaticities: Chromaticities) -> Array:
    """Compute the matrix from linear RGB to linear RGB of BT.709, white to white."""
    (x, y), (u, v) = chromaticities[3], _D65
    source = _BRADFORD @ np.array([x / y, 1.0, (1 - x - y) / y])
    target = _BRADFORD @ np.array([u / v, 1.0, (1 - u - v) / v])
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(target / source) @ _BRADFORD
    matrix: Array = np.linalg.inv(_to_xyz(_PRIMARIES[1])) @ adapt @ _to_xyz(chromaticities)
    return matrix


@functools.lru_cache(maxsize=16)
def _linear_light(transfer: int | float, top: int) -> Array:
    """Tabulate the linear light of every code: 1 is the white of sRGB, of PQ 100 cd/m², of HLG the scene's peak."""
    v = np.arange(top + 1) / top
    if isinstance(transfer, float):
        light = v**transfer
    elif transfer in (GAMMA22, GAMMA28, LINEAR):
        light = v ** {GAMMA22: 2.2, GAMMA28: 2.8, LINEAR: 1.0}[transfer]
    elif transfer == PQ:
        light = _pq_nits(v) / _WHITE_NITS
    elif transfer == HLG:
        light = _hlg_scene(v)
    else:
        light = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    table: Array = light.astype(np.float32)
    return table


@functools.cache
def _display_codes(is_hdr: bool) -> Array:
    """Tabulate the codes of 65,536 steps of linear light: sRGB (IEC 61966-2-1), or BT.1886 for what was tone-mapped."""
    light = np.arange(1 << 16) / 65535
    if is_hdr:
        codes = light ** (1 / 2.4)
    else:
        codes = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    table: Array = np.round(codes * 255).astype(np.uint8)
    return table


# Constants of SMPTE ST 2084 (PQ).
_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _pq_nits(v: Array) -> Array:
    power = v ** (1 / _M2)
    nits: Array = 10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)
    return nits


def _pq_code(nits: Array) -> Array:
    power = (nits / 10_000) ** _M1
    code: Array = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return code


def _hlg_scene(v: Array) -> Array:
    """Invert the curve of hybrid log-gamma (Recommendation ITU-R BT.2100-2, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene: Array = np.where(v <= 0.5, v * v / 3, (np.exp((v - c) / a) + b) / 12)
    return scene


def _tone_map(light: Array, space: ColourSpace) -> Array:
    """Bring light of high dynamic range into 0 to 1, where 1 is 100 cd/m²."""
    if space.transfer == HLG:  # the display's part of the curve, with its exponent for 1000 cd/m²
        luminance = light @ _to_xyz(space.chromaticities)[1].astype(np.float32)
        light *= (np.maximum(luminance, 1e-9) ** 0.2 * (_PEAK_NITS / _WHITE_NITS))[:, None]
    largest = np.maximum(np.maximum(light[:, 0], light[:, 1]), light[:, 2])
    gains = _gains()
    steps = np.sqrt(np.minimum(largest * (_WHITE_NITS / _PEAK_NITS), 1)) * (len(gains) - 1)
    gain = np.take(gains, (steps + 0.5).astype(np.int32))
    # What is brighter than the peak is white of its own hue.
    light *= (gain / np.maximum(largest * gain, 1))[:, None]
    return light


@functools.cache
def _gains() -> Array:
    """Tabulate the factor of BT.2390's curve over the square root of the light relative to the peak."""
    steps = np.linspace(0, 1, 1 << 14)
    nits = np.maximum(steps**2 * _PEAK_NITS, 1e-4)
    e1, top = _pq_code(nits) / _pq_code(np.array(_PEAK_NITS)), _pq_code(np.array(_WHITE_NITS))
    top = top / _pq_code(np.array(_PEAK_NITS))
    knee = 1.5 * top - 0.5
    t = np.maximum((e1 - knee) / (1 - knee), 0)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * top
    mapped = np.where(e1 < knee, e1, spline)
    table: Array = (_pq_nits(mapped * _pq_code(np.array(_PEAK_NITS))) / nits).astype(np.float32)
    return table
