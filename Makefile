# Everything from a fresh machine with Python 3.11+ and make. Each recipe sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check format docs site bench clean lock

help: ## List the recipes
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

$(READY): requirements.lock pyproject.toml
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(READY) ## Audit the sample log, show decisions; then a proof on the simulator, and what it saves live
	$(BIN)/tierwise audit sample/calls.jsonl.gz --html build/report.html --json build/report.json --learned build/learned.tierwise
	$(BIN)/tierwise policy init --from build/report.json --output build/tierwise.toml --force
	$(BIN)/python sample/demo.py
	$(BIN)/python sample/proof.py build/proof

test: $(READY) ## Run the tests
	$(BIN)/python -m pytest

check: $(READY) ## Lint, strict types, docs freshness, the site without a warning
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/docs.py --check
	$(BIN)/zensical build --strict

format: $(READY) ## Format and apply safe lint fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## Regenerate the generated parts of README and docs
	$(BIN)/python scripts/docs.py

site: $(READY) ## Build the documentation site into build/site
	$(BIN)/zensical build --strict --clean

bench: $(READY) ## Run the audit benchmark (about 15 minutes, 6 GB of disk)
	$(BIN)/python benchmarks/audit.py

lock: ## Renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --all-extras --group dev --group clients --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --output-file requirements.lock

clean: ## Remove the environment and build output
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
