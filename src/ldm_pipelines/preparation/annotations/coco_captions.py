"""COCO's caption files, ``captions_train2017.json`` and the like: which images there are and what is said of them."""

from pathlib import Path

from ldm_pipelines.preparation.annotations.coco_annotations import AnnotationFile
from ldm_pipelines.preparation.annotations.coco_images import CocoImages, images_of


def read_captions(file: Path) -> CocoImages:
    """Reads a whole caption file, of which only the columns are kept. Raises ``InputError`` naming file and key."""
    content = AnnotationFile(file, "caption")
    images = images_of(content)
    said: list[list[tuple[int, str]]] = [[] for _ in images.ids]
    owners = content.references("image_id", images.places(), "its images")
    numbers, captions = content.column("annotations", "id", int), content.column("annotations", "caption", str)
    for owner, number, caption in zip(owners, numbers, map(str.strip, captions), strict=True):
        if caption:
            said[owner].append((number, caption))
    return images._replace(captions=[tuple(caption for _, caption in sorted(of_image)) for of_image in said])
