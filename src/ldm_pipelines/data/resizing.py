"""The one way images become square: shorter side to the wanted size, then a centre crop."""

from PIL import Image

FILTERS: dict[str, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}


def resize_and_crop(image: Image.Image, size: int, resize: str) -> Image.Image:
    """``size`` x ``size`` pixels. Rounds as torchvision's ``Resize(size)`` and ``CenterCrop(size)`` do.

    Pillow's filters widen when shrinking (anti-aliasing), which is what published reference statistics use.
    """
    width, height = image.size
    shorter = min(width, height)
    width, height = size * width // shorter, size * height // shorter
    left, top = round((width - size) / 2), round((height - size) / 2)
    return image.resize((width, height), FILTERS[resize]).crop((left, top, left + size, top + size))
