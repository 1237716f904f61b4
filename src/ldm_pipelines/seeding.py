"""Seeds are derived from names, never drawn from a shared stream.

A node's randomness depends on the study's seed and on what the node is called, so a stage run alone and the same stage
inside a longer pipeline write the same bytes.
"""

from hashlib import blake2b


def derive_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for ``names`` (a stage, an entity, a step, an image index …) under the study's ``seed``."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
