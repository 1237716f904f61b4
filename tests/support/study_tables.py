"""The tables of the miniature study, from its committed parameters and metrics."""

import json

import yaml
from support.results import PAPER

from ldm_pipelines.config.study import read_study
from ldm_pipelines.reporting.paper.documents import HyperparameterTable, LayerTable, PaperTable
from ldm_pipelines.reporting.paper.loading import load_document
from ldm_pipelines.reporting.tables.block import build_block
from ldm_pipelines.reporting.tables.build import build
from ldm_pipelines.reporting.tables.layout import RenderedTable
from ldm_pipelines.reporting.tables.settings import build_settings
from ldm_pipelines.reporting.tables.spec import DESCRIPTIONS, BlockTable, SettingsTable, Table

PROJECT = PAPER.parents[1]
METRICS = PROJECT / "data" / "08_reporting" / "metrics"


def of_the_study() -> list[RenderedTable]:
    """The committed tables, from the committed parameters and metrics."""
    study = read_study(yaml.safe_load((PROJECT / "params.yaml").read_text()), "miniature")
    metrics = {file.relative_to(METRICS).with_suffix("").as_posix(): file for file in METRICS.rglob("*.json")}
    tables = []
    for name, table in study.tables.items():
        document = load_document(PAPER / f"{name}.yaml")
        if isinstance(table, Table) and isinstance(document, PaperTable):
            sources = {source for row in table.rows for source in row.everything}
            paths = {
                f"{kind}/{path}": path for kind, result in sources if (path := f"{study.suites(kind)[result]}/{result}")
            }
            results = {
                key: json.loads(metrics[path].read_bytes()) if path in metrics else {"missing": "no result"}
                for key, path in paths.items()
            }
            tables.append(build(table, document, results, study="miniature"))
        elif isinstance(table, SettingsTable) and isinstance(document, HyperparameterTable):
            paths = {f"{DESCRIPTIONS}/{model}" for model in table.columns.values()}
            tables.append(
                build_settings(table, document, {path: json.loads(metrics[path].read_bytes()) for path in paths})
            )
        elif isinstance(table, BlockTable) and isinstance(document, LayerTable):
            tables.append(build_block(table, document, study="miniature"))
    return tables
