"""Images and the map of each, which is a PNG file of the same name in another folder."""

from pathlib import PurePosixPath

from ldm_pipelines.data.originals import Location
from ldm_pipelines.preparation.listing.files import Signatures, Unusable


def map_name(image: str) -> str:
    """The map's name: for an image ``a/b.jpg`` it is ``a/b.png``."""
    return str(PurePosixPath(image).with_suffix(".png"))


def look_at_pair(signatures: Signatures, image: str, map_file: str) -> tuple[str, Location]:
    """Signature of an image and its map, and where the map lies. Raises ``Unusable`` where either is."""
    of_image = signatures.image(image)
    try:
        return f"{of_image} {signatures.of(map_file)}", Location(map_file)
    except Unusable as error:
        raise Unusable(f"no semantic map: {error}") from error
