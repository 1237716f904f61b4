"""Small pictures for raw datasets: another for each seed, never square."""

from io import BytesIO
from typing import Literal

import numpy as np
from PIL import Image

from ldm_pipelines.data.originals import Originals
from ldm_pipelines.preparation.listing.entries import Candidate, Listing, Refused


def picture(seed: int, size: tuple[int, int] = (24, 20)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def encoded(seed: int, kind: Literal["PNG", "JPEG", "WEBP"] = "PNG", size: tuple[int, int] = (24, 20)) -> bytes:
    buffer = BytesIO()
    picture(seed, size).save(buffer, format=kind, **({"lossless": True} if kind == "WEBP" else {}))
    return buffer.getvalue()


def decoded(originals: Originals, candidate: Candidate) -> np.ndarray:
    assert candidate.location is not None
    with Image.open(BytesIO(originals.read(candidate.location))) as image:
        return np.asarray(image.convert("RGB"))


def candidates(listing: Listing) -> list[Candidate]:
    return [entry for entry in listing.entries() if isinstance(entry, Candidate)]


def refusals(listing: Listing) -> dict[str, str]:
    return {entry.origin: entry.reason for entry in listing.entries() if isinstance(entry, Refused)}


def check_shards(listing: Listing) -> None:
    """Sizes and positions are what the entries say."""
    position = 0
    for shard in listing.shards:
        entries = [*shard.entries()]
        assert (shard.first, shard.size) == (position, len(entries)) and entries
        position += len(entries)
