"""What a listing says, and whether its shards keep their promises."""

import pickle
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from ldm_pipelines.data.originals import Location, Originals
from ldm_pipelines.preparation.listing.entries import Candidate, Entry, Listing, Refused


def entries(listing: Listing) -> list[Entry]:
    """All entries, as other processes would list them: sizes and positions must be those that were promised."""
    found: list[Entry] = []
    for shard in listing.shards:
        listed = list(pickle.loads(pickle.dumps(shard.entries))())
        assert listed == list(shard.entries())
        assert (shard.first, shard.size) == (len(found), len(listed))
        found += listed
    return found


def candidates(listing: Listing) -> list[Candidate]:
    return [entry for entry in entries(listing) if isinstance(entry, Candidate)]


def refusals(listing: Listing) -> dict[str, str]:
    return {entry.origin: entry.reason for entry in entries(listing) if isinstance(entry, Refused)}


def pixels(root: Path, location: Location | None) -> np.ndarray:
    """The decoded image of a location."""
    assert location is not None
    with Image.open(BytesIO(Originals(root).read(location))) as image:
        return np.asarray(image)


def decoded(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image)
