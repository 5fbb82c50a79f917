# Everything a person needs: `make demo`, `make test`, `make up`. Only Python 3.11 to 3.13 and make must be present.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLATFORM := $(BIN)/credit-platform
DEMO := data/deliveries/demo
export DO_NOT_TRACK := 1

.PHONY: help setup demo up test lint format bench bench-serving lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /: /'

setup: $(VENV)/.installed ## Make a virtual environment and install the locked versions

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13; name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "installing the locked versions into $(VENV); this takes a few minutes once"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: setup ## Simulate six months of applications, run the whole graph on them, say where to look
	@test -d $(DEMO) || $(PLATFORM) simulate --out $(DEMO) --cohorts 6 --clients 3000 --scenario gradual
	@$(PLATFORM) land $(DEMO)
	@$(PLATFORM) run

up: setup ## Start the Dagster UI and daemon, the API and the analyst's UI; Ctrl-C stops them
	@$(PLATFORM) up

test: lint ## Format, lint, types, tests: all that CI runs
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup ## Format, lint and type checks
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy credit_platform serving ui

format: setup ## Mend what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## Measure the mart beside pandas and polars; an hour and 10 GB of disk at Kaggle's size
	@$(BIN)/python benchmarks/mart.py --data data --out data/benchmark.md

bench-serving: setup $(VENV)/peers/.installed ## Measure the API beside MLflow's server, BentoML and FastAPI alone; a quarter of an hour
	@$(BIN)/python benchmarks/servers.py --data data --out data/benchmark-serving.md

$(VENV)/peers/.installed: benchmarks/peers/requirements.txt $(VENV)/.installed
	@$(PYTHON) -m venv $(VENV)/peers
	@$(VENV)/peers/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

lock: setup ## Resolve the newest versions for Python 3.11 to 3.13 into requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --upgrade \
		--no-emit-index-url --no-header --annotation-style line pyproject.toml -o requirements.lock

clean: ## Remove the virtual environment and caches; data/ stays
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .tmp_dagster_home_*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
