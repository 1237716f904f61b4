"""What a file of ``conf/paper`` may hold: the published numbers as checked objects."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.reporting.paper.hyperparameters import SETTINGS
from ldm_pipelines.reporting.paper.printed import is_cell, is_number
from ldm_pipelines.reporting.paper.protocol import Protocol
from ldm_pipelines.spec import NonNegativeFloat, PositiveInt, Spec

Remarks = tuple[str, ...]
Facts = dict[str, Any]
"""Facts that no table shows: kept as they are."""


class Column(Spec):
    """A column of numbers; ``better`` says which end is good, null where neither is."""

    key: str
    label: str
    better: Literal["lower", "higher"] | None


class PaperRow(BaseModel):
    """A published row: facts, and under other keys the numbers of columns (``fid``), their deviations (``fid_std``)."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    method: Annotated[str, Field(min_length=1)]
    is_ldm: bool
    """Whether the row is one of the paper's own latent diffusion models (or its first stage)."""
    dataset: str | None = None
    task: str | None = None
    note: str | None = None
    source: Annotated[Remarks, Field(strict=False)] = ()
    steps: PositiveInt | None = None
    """Of the sampler."""
    guidance: str | None = None
    guidance_scale: NonNegativeFloat | None = None
    classifier_scale: NonNegativeFloat | None = None
    guided: bool | None = None
    """By the low-resolution image."""
    first_stage: str | None = None
    train_steps: PositiveInt | None = None
    batch_size: PositiveInt | None = None
    reg: Literal["KL", "VQ", "dVAE"] | None = None
    attention_free: bool | None = None
    config: str | None = None
    """Of a first stage, in the release."""

    @property
    def numbers(self) -> dict[str, Any]:
        """Whatever is no fact; the table checks it."""
        return self.model_extra or {}

    @property
    def group(self) -> str:
        """Rows compete within a dataset or task."""
        return self.dataset or self.task or ""

    def get(self, key: str) -> Any:
        """Value of a column, a deviation or a fact; None where the paper has none."""
        return dict(self).get(key)


NAMING = frozenset({"method", "is_ldm", "dataset", "task", "note", "source"})
"""Facts by which rows of one method and group are not told apart."""


class Numbered(Spec):
    """Rows of numbers under columns."""

    columns: tuple[Column, ...] = ()
    further_numbers: tuple[str, ...] = ()
    """Keys of numbers of rows that no column shows."""
    rows: tuple[PaperRow, ...] = ()

    @model_validator(mode="after")
    def _rows_hold_facts_and_numbers(self) -> Self:
        self._check("rows", self.rows)
        return self

    def _check(self, name: str, rows: tuple[PaperRow, ...]) -> None:
        """Raises ``ValueError`` for a key of a row that is no fact and no number's, or a number of no known form."""
        keys = {*(column.key for column in self.columns), *self.further_numbers}
        deviations = {f"{key}_std" for key in keys}
        for position, row in enumerate(rows):
            for key, value in row.numbers.items():
                place = f"{name}.{position}.{key}"
                if key not in keys | deviations:
                    hint = near_miss(key, {*keys, *deviations, *PaperRow.model_fields})
                    raise ValueError(f"unknown key {place!r} ({row.method}){hint}")
                if key in keys and not is_cell(value):
                    forms = "a number, null, a count such as 400M or a range [low, high]"
                    raise ValueError(f"{place} ({row.method}): {value!r} is not {forms}")
                if key in deviations and value is not None and not is_number(value):
                    raise ValueError(f"{place} ({row.method}): {value!r} is not a number or null")


class Document(Spec):
    """What all tables have."""

    table: PositiveInt
    """Number in arXiv v2."""
    cvpr_table: PositiveInt | None = None
    """Number in the proceedings where it differs."""
    title: str
    source: Remarks = ()
    notes: Remarks = ()
    discrepancies: Remarks = ()


class PaperTable(Document, Numbered):
    """Methods against metrics (Tables 1-11 and 18)."""

    dataset: str | None = None
    datasets: tuple[str, ...] = ()
    protocol: Protocol
    """What numbers of ours are held against; ``protocol_notes`` is for people."""
    protocol_notes: Facts = Field(default_factory=dict)
    columns: Annotated[tuple[Column, ...], Field(min_length=1)]
    rows: Annotated[tuple[PaperRow, ...], Field(min_length=1)]
    cvpr_version_rows: tuple[PaperRow, ...] = ()
    reproduction_reports: tuple[Facts, ...] = ()
    related_repo_result: Facts | None = None
    train_steps_from_readme: dict[str, PositiveInt] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _columns_have_values(self) -> Self:
        keys = [column.key for column in self.columns]
        if len(set(keys)) < len(keys):
            raise ValueError(f"two columns have the same key: {', '.join(keys)}")
        for key in keys:
            if not any(key in row.numbers for row in self.rows):
                raise ValueError(f"no row has a value for column {key!r}")
        self._check("cvpr_version_rows", self.cvpr_version_rows)
        self.protocol.check_names({row.group for row in self.rows}, set(keys))
        return self

    def find(self, method: str, group: str | None = None, where: Facts | None = None) -> int:
        """Position of the only row of ``method``, of that dataset or task, with those facts. Raises ``InputError``."""
        found = [i for i, row in enumerate(self.rows) if row.method == method]
        if not found:
            known = near_miss(method, {row.method for row in self.rows})
            raise InputError(f"Table {self.table} of the paper has no method {method!r}{known}")
        if group is not None:
            groups = {self.rows[i].group for i in found}
            found = [i for i in found if self.rows[i].group == group]
            if not found:
                hint = near_miss(group, groups - {""})
                raise InputError(f"Table {self.table} of the paper has no method {method!r} in group {group!r}{hint}")
        for key, value in (where or {}).items():
            values = [self.rows[i].get(key) for i in found]
            found = [i for i, known in zip(found, values, strict=True) if known == value]
            if not found:
                raise InputError(
                    f"Table {self.table} of the paper has no method {method!r} where {key} is {value!r}; "
                    f"known: {', '.join(map(repr, values))}"
                )
        if len(found) > 1:
            raise InputError(
                f"Table {self.table} of the paper has {len(found)} rows of method {method!r}; {self._apart(found)}"
            )
        return found[0]

    def _apart(self, positions: list[int]) -> str:
        """How to name one of several rows."""
        rows = [self.rows[i] for i in positions]
        groups = [row.group for row in rows]
        if len(set(groups)) == len(groups):
            return f"say which by `group`: {', '.join(map(repr, groups))}"
        # settings of few columns, such as a codebook's size, are columns themselves
        settings = [column.key for column in self.columns if column.better is None]
        keys = [*(key for key in PaperRow.model_fields if key not in NAMING), *self.further_numbers, *settings]
        shown = [(key, [repr(row.get(key)) for row in rows]) for key in keys]
        differing = [f"{key} ({', '.join(values)})" for key, values in shown if len(set(values)) > 1]
        return f"say which by `where`, by one or more of {'; '.join(differing)}"


class HyperparameterTable(Document):
    """Names of hyperparameters against models (Tables 12-15 and 17)."""

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    is_ldm: bool | dict[str, bool] = True
    rows: dict[str, Facts]
    derived_unet_params_M: dict[str, float] = Field(default_factory=dict)
    derived_params_M: dict[str, str] = Field(default_factory=dict)
    from_code: Facts = Field(default_factory=dict)

    @model_validator(mode="after")
    def _settings_of_every_model(self) -> Self:
        for name, row in self.rows.items():
            if name not in SETTINGS:
                raise ValueError(f"unknown key 'rows.{name}'{near_miss(name, SETTINGS)}")
            for column, value in row.items():
                place = f"rows.{name}.{column}"
                if column not in self.columns:
                    raise ValueError(f"unknown key {place!r}{near_miss(column, self.columns)}")
                if problem := SETTINGS[name].problem(value):
                    raise ValueError(f"{place}: {value!r}: {problem}")
            if missing := set(self.columns) - set(row):
                raise ValueError(f"rows.{name}: no value for {', '.join(sorted(missing))}")
        return self


@dataclass(frozen=True)
class Unreadable:
    """A file of ``conf/paper`` that is missing or malformed: its table says so, and the others stand."""

    name: str
    why: str
    """Names the file and the key."""


class Layer(Spec):
    """``shape`` is that of the output: of an image, or of its positions in a row; n_h heads of width d."""

    layer: str
    shape: Annotated[str, Field(pattern=r"^(h x w|\(h w\)) x (c|\(d n_h\))$")]


class LayerTable(Document):
    """Layers and the shapes of their outputs (Table 16)."""

    rows: tuple[Layer, ...]
    code_differs: Remarks = ()


class RepositoryZoo(Numbered):
    """Results that only the released repository prints."""

    title: str
    source: Remarks
    notes: Remarks = ()
    autoencoders: str


class Gap(Spec):
    """How much lower the FID of ``lower_f`` is than that of ``higher_f``."""

    lower_f: PositiveInt
    higher_f: PositiveInt
    fid: float
    after: str


class Findings(Spec):
    """Orderings that the paper states about a figure; ours are held against them."""

    best_f: tuple[PositiveInt, ...] = ()
    slowest_f: PositiveInt | None = None
    gap: Gap | None = None
    psnr_falls_with_f: bool = False
    better_regulariser: Literal["KL", "VQ"] | None = None
    source: Remarks


class Figure(Numbered):
    title: str
    protocol: Facts = Field(default_factory=dict)
    findings: Findings | None = None
    known_numbers: Remarks = ()
    plotted_values: str | None = None
    qualitative: str | None = None
    source: Remarks = ()


class Figures(Spec):
    figure_1: Figure
    figure_6: Figure
    figure_7: Figure
    figure_17: Figure
    caption_sampling_settings: tuple[Facts, ...]


class Sources(Spec):
    """Where every number comes from: the keys of all ``source`` entries."""

    paper: str
    primary_version: str
    version_notes: Remarks
    keys: dict[str, dict[str, str]]
    verification: str
    summary_errata: tuple[dict[str, str], ...]
