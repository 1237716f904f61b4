"""Which rows and figures follow from the code, parameters and data that are here, and which do not any more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ldm_pipelines.reporting.tables.layout import Line, RenderedTable
from ldm_pipelines.verification.freshness import Lineage
from ldm_pipelines.verification.records import Records
from ldm_pipelines.verification.written import TABLE, differences

Problems = dict[str, list[str]]


@dataclass(frozen=True)
class Row:
    """A row of ours: ``stages`` are those behind its result that do not match, ``problems`` are its own."""

    label: str
    stages: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def fine(self) -> bool:
        return not self.stages and not self.problems


@dataclass(frozen=True)
class Verdict:
    """``tables``: our rows by table; ``of_tables`` and ``stages``: what is not right, by table and by stage.

    ``pages``: figures and the report, with the stages behind each that do not match.
    """

    tables: dict[str, list[Row]]
    of_tables: Problems
    pages: dict[str, list[str]]
    stages: Problems
    records: str

    @property
    def stale(self) -> int:
        """Rows, tables as such, figures, and the report where they do not match."""
        rows = sum(not row.fine for rows in self.tables.values() for row in rows)
        return rows + len(self.of_tables) + sum(map(bool, self.pages.values()))

    def lines(self) -> Iterator[str]:
        """For people."""
        for table, rows in self.tables.items():
            wrong = [row for row in rows if not row.fine]
            yield f"{table}: {len(rows) - len(wrong)} of {len(rows)} rows match"
            for row in wrong:
                yield f"  {row.label}: {'; '.join([*row.problems, *row.stages])}"
            yield from (f"  the table itself: {problem}" for problem in self.of_tables.get(table, []))
        for page, stages in self.pages.items():
            yield f"{page}: {'; '.join(stages) or 'matches'}"
        if self.stages:
            yield "\nwhat does not match:"
        for stage, problems in self.stages.items():
            yield f"  {stage}"
            yield from (f"    {problem}" for problem in problems)
        yield f"\n{self.records}"


def verify(
    reporting: Path, tables: Mapping[str, RenderedTable], parameters: Mapping[str, str], progress: bool
) -> Verdict:
    """Hold the written tables in ``reporting`` against results, records, and everything they were made from.

    ``tables`` are rendered from the stored results now; ``parameters`` are the digests that records should have.
    Whether code, parameters and data are those that made the results is DVC's answer, also for figures; which results
    that concerns follows from DVC's graph. Of the report, which rests on everything, only itself is asked about.
    """
    lineage = Lineage(reporting)
    shown_results = {source.result for table in tables.values() for source in table.sources}
    files = {result: reporting / "metrics" / f"{result}.json" for result in sorted(shown_results)}
    chains = {result: chain for result, file in files.items() if (chain := lineage.chain(file))}
    pages = {name: lineage.behind(name) for name in sorted(lineage.names) if name.startswith("figures@")}
    pages |= {name: [name] for name in lineage.names & {"report"}}
    own = {name: f"tables@{name}" for name in tables}
    behind = list(dict.fromkeys(stage for chain in (*chains.values(), *pages.values()) for stage in chain))
    changed = lineage.changes([*behind, *(set(own.values()) & lineage.names)], progress)
    records = Records(reporting / "provenance", lineage.root, parameters)
    for stage in behind:
        if problems := records.problems(stage, lineage.outputs(stage), lineage.inputs(stage)):
            advice = [] if stage in changed else [f"DVC calls it up to date: `dvc repro -s -f {stage}` makes it again"]
            changed[stage] = [*changed.get(stage, []), *problems, *advice]
    verdict: dict[str, list[Row]] = {}
    of_tables: Problems = {}
    for name, table in tables.items():
        shown = differences(table, reporting / "tables" / name)
        ours = [(str(number), line) for number, line in enumerate(table.lines, 1) if line.ours and line.sources]
        verdict[name] = [_row(line, shown.get(number, []), chains, changed) for number, line in ours]
        if problems := [*changed.pop(own[name], []), *shown.get(TABLE, [])]:
            of_tables[name] = problems
    stale = {page: [stage for stage in chain if stage in changed] for page, chain in pages.items()}
    return Verdict(verdict, of_tables, stale, changed, _about(records))


def _row(line: Line, shown: list[str], chains: Mapping[str, list[str]], changed: Problems) -> Row:
    results = [source.result for source in line.sources]
    behind = dict.fromkeys(stage for result in results for stage in chains.get(result, []))
    orphans = [f"no stage of dvc.yaml makes {result}" for result in results if result not in chains]
    return Row(
        f"{line.heading} ({', '.join(results)})",
        tuple(stage for stage in behind if stage in changed),
        (*shown, *orphans),
    )


def _about(records: Records) -> str:
    text = f"{records.read} provenance records read"
    return f"{text}; {records.dirty} were made from code with uncommitted changes" if records.dirty else text
