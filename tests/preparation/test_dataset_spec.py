"""Parameters of a dataset that exclude each other."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from ldm_pipelines.preparation.spec import Dataset


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": {"kind": "digits"}, "storage": "in_place"}, "has no files to leave in place; use packed"),
        ({"random_crop": (0.5, 1.0)}, "random_crop needs storage: in_place"),
        ({"random_crop": (1.0, 0.5), "storage": "in_place"}, "random_crop: the smaller bound comes first"),
        ({"splits": None}, "splits is missing"),
        ({"resize": "nearest"}, "resize"),
        ({"source": {"kind": "imagnet"}}, "imagenet"),
    ],
)
def test_a_mistake_is_told(dataset: Callable[..., Dataset], changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        dataset(**changes)


def test_a_source_that_knows_its_splits_needs_none(dataset: Callable[..., Dataset]) -> None:
    assert dataset(source={"kind": "lsun", "category": "bedroom"}, splits=None).splits is None
