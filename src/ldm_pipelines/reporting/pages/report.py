"""The report of a study: one file with its tables, figures, pictures, and a section for everything it made."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ldm_pipelines.reporting.figures.figure_file import read
from ldm_pipelines.reporting.pages.gallery import pictures
from ldm_pipelines.reporting.pages.graph import Entities, Key, anchor, draw, measured
from ldm_pipelines.reporting.pages.page import Embedded, asset, embedded, render
from ldm_pipelines.reporting.pages.records import commits, versions
from ldm_pipelines.reporting.pages.sections import Section, sections
from ldm_pipelines.reporting.pages.targets import aims, read_metrics
from ldm_pipelines.reporting.tables.layout import RenderedTable

NOT_ENTITIES = {"selected", "compute", "evaluate"}
INTRODUCTION = (
    "Tables of Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models (CVPR 2022), with the rows "
    "that the {study} study of this project measured. Numbers measured with another feature network, dataset or number "
    "of samples than the paper's are not comparable with the paper's; the letter beside a number says what differs."
)


def write_study_report(
    tables: Sequence[RenderedTable],
    reporting: Path,
    parameters: Mapping[str, Any],
    folder: Path,
    *,
    hashes: Mapping[str, Mapping[str, str]] | None = None,
) -> list[str]:
    """``index.html`` in ``folder``, which makes no request to anywhere; returns which results cannot be read, and why.

    ``reporting`` holds what the stages left for people: ``metrics``, ``training``, ``grids``, ``figures`` and
    ``provenance``, each as far as it is there. ``parameters`` are the study's; ``hashes`` what DVC notes of outputs, by
    stage and path. Nothing else enters the page: the same inputs give the same bytes.

    Raises:
        InputError: a curve, a picture or a figure in ``reporting`` is not what it should be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entities = entities_of(parameters)
    found = sections(reporting, entities, hashes or {})
    page = _page(tables, reporting, parameters, entities, found)
    (folder / "index.html").write_text(page, encoding="utf-8", newline="\n")
    return [problem for section in found for problem in section.problems]


def entities_of(parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The study's entities by kind and name; kinds of which it has none are left out."""
    kinds = {kind: value for kind, value in parameters.items() if isinstance(value, Mapping) and value}
    return {kind: dict(value) for kind, value in kinds.items() if kind not in NOT_ENTITIES}


def _page(
    tables: Sequence[RenderedTable],
    reporting: Path,
    parameters: Mapping[str, Any],
    entities: Entities,
    found: Sequence[Section],
) -> str:
    study = str(parameters.get("study", "unnamed"))
    shown = [embedded(picture) for picture in pictures(reporting / "grids", entities)]
    records = [section.record for section in found if section.record]
    linked = {result: section.anchor for section in found for result in section.results}
    drawn = _drawn(reporting, entities)
    return render(
        "report.html.j2",
        script=asset("script.js"),
        title=f"Latent diffusion: the {study} study",
        introduction=INTRODUCTION.format(study=study),
        study=study,
        seed=parameters.get("seed"),
        commits=commits(records),
        dirty=sum(record.git_dirty for record in records),
        records=len(records),
        versions=versions(records),
        aims=list(aims(read_metrics(reporting / "metrics", entities.get("evaluations", {})))),
        tables=tables,
        missing_tables=sorted(set(entities.get("tables", {})) - {table.name for table in tables}),
        used_in=_used_in(tables, linked),
        plots=[read(reporting / "figures" / name) for name in drawn],
        missing_plots=sorted(set(entities.get("figures", {})) - set(drawn)),
        linked=linked,
        pictures=shown,
        highlights=_one_of_each_task(shown),
        picture_of=_picture_of(found, {picture.anchor for picture in shown}),
        sections=found,
        trained=[section for section in found if section.charts],
        measured=[section for section in found if measured(section.key[0])],
        targets=_targets(found, entities),
        graph=draw(entities),
    )


def _used_in(tables: Iterable[RenderedTable], linked: Mapping[str, str]) -> dict[str, list[RenderedTable]]:
    """The tables that show a section's results, by its anchor."""
    found: dict[str, list[RenderedTable]] = {}
    for table in tables:
        for anchored in dict.fromkeys(linked.get(source.result, "") for source in table.sources):
            found.setdefault(anchored, []).append(table)
    return found


def _one_of_each_task(shown: Iterable[Embedded]) -> list[Embedded]:
    """The first picture of each task, which its title names before the colon; none that was made without a model."""
    first: dict[str, Embedded] = {}
    for picture in shown:
        task = picture.title.partition(":")[0]
        if picture.anchor.startswith("picture-samples") and "without a model" not in task:
            first.setdefault(task, picture)
    return list(first.values())


def _picture_of(found: Iterable[Section], present: set[str]) -> dict[str, str]:
    """By a section's anchor: the picture that shows what it made, or what it measured."""
    shown: dict[str, str] = {}
    for section in found:
        for key in (section.key, *(section.sources if measured(section.key[0]) else ())):
            picture = f"picture-{'samples' if key[0] == 'baselines' else key[0]}-{key[1]}"
            if picture in present and section.anchor not in shown:
                shown[section.anchor] = picture
    return shown


def _targets(found: Iterable[Section], entities: Mapping[str, Mapping[str, Any]]) -> dict[Key, str]:
    """The anchors of everything that has a place in the page."""
    shown = [(kind, name) for kind in ("tables", "figures") for name in entities.get(kind, {})]
    return {section.key: section.anchor for section in found} | {key: anchor(key) for key in shown}


def _drawn(reporting: Path, entities: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The study's figures that are there."""
    return [name for name in entities.get("figures", {}) if (reporting / "figures" / name).is_dir()]
