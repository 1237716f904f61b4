"""Kedro's project settings."""

from ldm_pipelines.config.loader import StudyConfigLoader
from ldm_pipelines.tracking.hooks import MLflowHook

CONFIG_LOADER_CLASS = StudyConfigLoader
CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "local"}
HOOKS = (MLflowHook(),)
