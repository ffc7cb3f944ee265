# Two commands on a fresh machine: `make demo` and `make test`. Each sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help setup demo test notebooks check lint types lock clean

help:
	@echo "make setup   .venv with the locked dependencies, tlx installed editable"
	@echo "make demo    ask whether knowing letters helps with 100 handwritten digits: a verdict and a page"
	@echo "make test    every test that needs no GPU and no data from outside"
	@echo "make notebooks  run the notebooks from their beginning"
	@echo "make check   lint, format, types, tests: what CI runs"
	@echo "make lock    resolve the dependencies again (needs uv)"
	@echo "make clean   remove .venv, caches and build artefacts"

setup: $(STAMP)

# setuptools comes out of the lock first, so that nothing is built with an unlocked one.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "tlx needs Python >= 3.11: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies into $(VENV) (about 3 minutes, once)"
	@awk '/^[a-z]/ { keep = /^(setuptools|wheel|packaging)==/ } keep' requirements.lock > $(VENV)/build.lock
	@$(PIP) install --quiet --require-hashes --no-deps -r $(VENV)/build.lock
	@$(PIP) install --quiet --require-hashes --no-build-isolation --compile -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --compile --editable .
	@$(BIN)/python -m compileall -q tlx conf
	@touch $@

# One thread: the sums of two round otherwise, and the README shows what comes out.
demo: $(STAMP)
	@rm -rf answers/demo
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/tlx gain data.per_class=10 strategy=feature_extraction \
		strategy.epochs=15 gain.seeds=3 gain.rates=[1] gain.halvings=1 run_dir=answers/demo

test: $(STAMP)
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -q -n 2 --dist loadfile

notebooks: $(STAMP)
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python scripts/run_notebooks.py

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

check: lint types test

lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --output-file requirements.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find tlx conf tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
