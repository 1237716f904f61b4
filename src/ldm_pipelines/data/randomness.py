"""The fixed random numbers of an image: the same in every run, order and batch."""

import numpy as np

from ldm_pipelines.seeding import derive_seed


def image_generator(purpose: str, image_id: str) -> np.random.Generator:
    """A generator that depends on the image's id and on what it is for (``low_res``, ``mask``), on nothing else."""
    return np.random.default_rng(derive_seed(0, purpose, image_id))
