"""Parameters of ``sources.lsun``."""

from typing import Annotated, Literal

from pydantic import Field

from ldm_pipelines.spec import Spec


class LsunSource(Spec):
    """A scene category of LSUN in its LMDB databases, ``CATEGORY_train_lmdb`` and ``CATEGORY_val_lmdb``.

    With the two lists of the released code in the same folder, both splits are made of the training database (the
    paper's "custom split"); without them, the databases are the splits.
    """

    kind: Literal["lsun"]
    category: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    """As in the databases' names: ``church_outdoor``, ``bedroom``."""
    train_list: str | None = None
    """Names of the training images; None: ``CATEGORY_train.txt``. Used if it is there."""
    validation_list: str | None = None
    """Names of the validation images; None: ``CATEGORY_val.txt``. Used if it is there."""
