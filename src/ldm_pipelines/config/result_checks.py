"""Tables and figures of results that no entity makes: known before anything is trained."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ldm_pipelines.errors import near_miss
from ldm_pipelines.reporting.tables.spec import DESCRIPTIONS, Row, SettingsTable, Shelf, Table

if TYPE_CHECKING:
    from ldm_pipelines.config.study import Study

MEASURED = ("evaluations", "reconstructions", "sweeps", "throughputs")
"""Kinds whose entities leave a result in their suite."""
ROW_SOURCES = {
    "result": ("evaluations", "reconstructions"),
    "throughput": ("throughputs",),
    "preference": ("user_studies",),
}
"""Which entities a field of a table's row names."""


def table_problems(study: "Study") -> Iterator[str]:
    """Rows that name no result, or one that DVC would not watch for the table; results that share a name."""
    for name in set(study.evaluations) & set(study.reconstructions):
        yield f"evaluations.{name}: there is a reconstruction of the same name; results need names of their own"
    for name, asked in study.user_studies.items():
        others = {**study.evaluations, **study.reconstructions}
        for taken in {name, asked.rival_result} & {*others, *(set(study.user_studies) - {name})}:
            yield f"user_studies.{name}: there is another result named {taken!r}; results need names of their own"
    for name, table in study.tables.items():
        if isinstance(table, Table):
            for number, row in enumerate(table.rows):
                yield from _row_problems(study, f"tables.{name}.rows[{number}]", table, row)
        else:
            yield from _not_watched(f"tables.{name}.suite", table, "what it shows", DESCRIPTIONS)
        if isinstance(table, SettingsTable):
            for column, ldm in table.columns.items():
                if ldm not in study.ldms:
                    yield f"tables.{name}.columns.{column}: no ldms named {ldm!r}{near_miss(ldm, study.ldms)}"


def _row_problems(study: "Study", where: str, table: Table, row: Row) -> Iterator[str]:
    for source, name in row.everything:
        known = study.suites(source)
        if name in known:
            yield from _not_watched(f"{where}.{source}", table, repr(name), known[name])
        else:
            yield f"{where}.{source}: no {' or '.join(ROW_SOURCES[source])} named {name!r}{near_miss(name, known)}"


def _not_watched(where: str, table: Shelf, what: str, suite: str) -> Iterator[str]:
    if not table.holds(suite):
        watched = " or ".join(map(repr, table.watched))
        yield f"{where}: {what} is in suite {suite!r}, not below {watched}"


def figure_problems(study: "Study") -> Iterator[str]:
    """Results that no entity makes. Names may recur among kinds, so a result is known by its suite too."""
    made = {(getattr(e, "suite", ""), name) for kind in MEASURED for name, e in study.entities(kind).items()}
    for name, figure in study.figures.items():
        for key, suite, result in figure.results():
            if (suite, result) not in made:
                hint = near_miss(result, {other for place, other in made if place == suite})
                yield f"figures.{name}.{key}: no result named {result!r} in suite {suite!r}{hint}"
