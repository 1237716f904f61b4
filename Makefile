# `make help` lists the targets. Needs Python >= 3.11 and git; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
.DEFAULT_GOAL := help

.PHONY: help demo study test lint ui lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.installed  ## Table 3 of the miniature study, end to end, printed
	@echo "Table 3 of the $$(sed -n "s/^study: //p" params.yaml) study: data, classifier, autoencoder, latents, diffusion, samples, metrics."
	@dvc repro tables@table_03
	@kedro run --pipelines=report
	@kedro show table_03
	@echo "  pictures   data/08_reporting/grids"
	@echo "  report     data/08_reporting/report/index.html"
	@echo "  runs       make ui  (MLflow, http://127.0.0.1:5000)"

study: .venv/.installed  ## every table and figure of the study of params.yaml, JOBS stages at a time (JOBS=2)
	@kedro reproduce --jobs $(or $(JOBS),2)
	@echo "  report     data/08_reporting/report/index.html"
	@echo "  check      kedro run --pipelines=verify"

test: .venv/.installed-dev  ## lint, format, types, import contracts, every test
	@$(MAKE) --no-print-directory lint
	pytest -n 2 --dist loadgroup

lint: .venv/.installed-dev  ## ruff, mypy, import contracts, params.yaml against Hydra
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	kedro compose --check

ui: .venv/.installed  ## MLflow UI on http://127.0.0.1:5000
	@echo "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"
	@mlflow ui --host 127.0.0.1 --backend-store-uri sqlite:///$(CURDIR)/mlflow.db

lock: .venv/.uv  ## resolve the dependencies of pyproject.toml again
	uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
	    --no-emit-find-links --all-extras --upgrade pyproject.toml -o requirements.lock

clean:  ## remove the environment and caches, keep data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache

.venv/.uv:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, not " + sys.version.split()[0] + "; try make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.8
	@touch $@

.venv/.installed: .venv/.uv requirements.lock pyproject.toml
	uv pip install -q --python $(BIN)/python --compile-bytecode -c requirements.lock -e .
	@touch $@

.venv/.installed-dev: .venv/.uv requirements.lock pyproject.toml
	uv pip install -q --python $(BIN)/python --compile-bytecode -c requirements.lock -e ".[dev]"
	@touch $@ .venv/.installed
