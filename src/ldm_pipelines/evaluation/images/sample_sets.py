"""Sample sets, as the sampling stage leaves them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.errors
import pandera.pandas as pa
from numpy.typing import NDArray
from pandera.typing.pandas import Series
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from ldm_pipelines.errors import InputError


class SampleTable(pa.DataFrameModel):
    """``samples.parquet``: one row per image."""

    index: Series[np.int64] = pa.Field(ge=0, unique=True)
    path: Series[str] = pa.Field(unique=True)
    label: Series[np.int64] = pa.Field(ge=-1)
    condition: Series[str] | None
    """Id of the image of a dataset whose condition the sample has; empty without one."""


class SampleInfo(BaseModel):
    """``samples.json``: how the images were made. Other keys than these are kept for the provenance."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    image_size: int
    count: int
    seed: int
    classes: tuple[str, ...] = ()
    conditioning: dict[str, Any] | None = None
    """The model's conditioning with all its parameters; None in sets that don't say."""
    dataset: str | None = None
    split: str | None = None
    """Whose images the conditions are of."""
    dataset_digest: str | None = None

    @property
    def condition_kind(self) -> str | None:
        """The conditioning's kind, where the file says it."""
        return (self.conditioning or {}).get("kind")

    def provenance(self) -> dict[str, Any]:
        """Everything that the file says but the class names."""
        return self.model_dump(mode="json", exclude={"classes"}, exclude_unset=True)


class SampleSet:
    """A folder of samples: ``samples.json``, ``samples.parquet`` and the images the latter names."""

    def __init__(self, folder: Path) -> None:
        """Reads and checks everything but the images. Raises ``InputError``."""
        self._folder = folder
        self.info = _read_info(folder / "samples.json")
        table = _read_table(folder / "samples.parquet")
        if len(table) != self.info.count:
            raise InputError(
                f"{folder}: samples.json counts {self.info.count} images, samples.parquet {len(table)}; sample it again"
            )
        self.labels: NDArray[np.int64] = table["label"].to_numpy(dtype=np.int64)
        self.conditions: list[str] = table["condition"].tolist() if "condition" in table else [""] * len(table)
        """Ids of the images whose conditions the samples have; empty without one."""
        self.ids: list[str] = table["path"].tolist()
        """The images' paths, relative to the folder."""
        self.image_size = self.info.image_size

    def __len__(self) -> int:
        return len(self.ids)

    def pixels(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """uint8 (b, s, s, 3). Raises ``InputError`` naming an image that is missing, damaged or of another size."""
        return np.stack([self._read(self._folder / self.ids[index]) for index in indices])

    def _read(self, file: Path) -> NDArray[np.uint8]:
        try:
            with Image.open(file) as image:
                pixels = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(f"{file} cannot be read ({error}); remove the sample set and sample it again") from error
        wanted = (self.info.image_size, self.info.image_size, 3)
        if pixels.shape != wanted or pixels.dtype != np.uint8:
            raise InputError(f"{file} holds {pixels.dtype}{pixels.shape}, not uint8{wanted}; sample the set again")
        return pixels


def _read_info(file: Path) -> SampleInfo:
    try:
        return SampleInfo.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file.parent} is not a finished sample set ({error}); run its stage first") from error
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"])) or "the whole file"
        raise InputError(f"{file}: {key}: {problem['msg']}; sample the set again") from error


def _read_table(file: Path) -> pd.DataFrame:
    try:
        return SampleTable.validate(pd.read_parquet(file)).sort_values("index")
    except (OSError, ValueError, pandera.errors.SchemaError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file} is not the table of a sample set ({reason}); sample the set again") from error
