"""Features of faces by a network that keeps its weights: each face is computed once a process, whichever set it is in.

The key is the face's own pixels at the network's input size, under the digest of the network: cells of a grid, seeds,
trainings without a source, and whatever is scored by a network with a frozen backbone (`aletheia.models.scoring`) find
the features of each other; a face that was cropped otherwise has others.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import numpy as np
import torch
from torch import nn

from aletheia.core.arrays import Array
from aletheia.models.linear_head import backbone_digest, pooled_features

#: All features together stay below it; those that were not asked for the longest go first.
MAX_CACHE_BYTES = 1_000_000_000

_cache: OrderedDict[bytes, Array] = OrderedDict()
_lock = threading.Lock()


def cached_features(
    net: nn.Module, head: nn.Linear, crops: Array, device: torch.device | str = "cpu", *, progress: bool = False
) -> Array:
    """Return what `aletheia.models.linear_head.pooled_features` computes, from the cache where it can.

    The same up to rounding: a face may have been computed in another batch.
    """
    prefix = bytes.fromhex(backbone_digest(net, head)) + repr(crops.shape[1:]).encode()
    keys = [hashlib.blake2b(prefix + crop.tobytes(), digest_size=16).digest() for crop in crops]
    with _lock:
        known = {key: _cache[key] for key in keys if key in _cache}
    new = {key: row for row, key in enumerate(keys) if key not in known}
    if new:
        values = pooled_features(net, head, crops[sorted(new.values())], device, progress=progress)
        known |= {key: row.copy() for key, row in zip(sorted(new, key=new.__getitem__), values, strict=True)}
    with _lock:
        for key in keys:
            _cache[key] = known[key]
            _cache.move_to_end(key)
        held = sum(row.nbytes for row in _cache.values())
        while held > MAX_CACHE_BYTES:
            held -= _cache.popitem(last=False)[1].nbytes
    features: Array = np.stack([known[key] for key in keys]) if keys else np.zeros((0, head.in_features), np.float32)
    return features


def clear_cache() -> None:
    """Drop all cached features."""
    with _lock:
        _cache.clear()
