# Everything a person or CI does here. `make` alone says what there is.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LISTEN ?= 127.0.0.1:8080
# A lock names exact versions and hashes, so what installs here is what was tested.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
ALONE   := alone
SYSTEM  := (faults or e2e) and not alone
COMPILE := $(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host \
	--no-emit-find-links --no-header --no-emit-options --resolver=backtracking

.DEFAULT_GOAL := help
.PHONY: help run test lint types docs bench boards lock clean tools

help: ## say what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.installed ## start the service on 127.0.0.1:8080 (LISTEN=...) with the embedded store
	@$(BIN)/receiver serve --listen $(LISTEN)

# Tests that say how soon something is done have the machine to themselves. Tests of whole processes spend most of their
# time waiting and run two at once, and so do the others. All of them run, whatever fails first.
test: $(VENV)/.installed-test tools lint types ## install what the tests need, then run all of them
	@$(BIN)/pytest -m '$(ALONE)'; first=$$?; \
	$(BIN)/pytest -m '$(SYSTEM)' -n 2 --dist loadfile; second=$$?; \
	$(BIN)/pytest -m 'not (faults or e2e or alone)' -n 2 --dist loadfile; third=$$?; \
	exit $$((first + second + third))

lint: $(VENV)/.installed-test ## style of the code, the tests and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile

types: $(VENV)/.installed-test ## mypy --strict
	$(BIN)/mypy

docs: $(VENV)/.installed-test ## write the pages that are made of the code, and build the site into build/site
	@$(BIN)/python -m reference
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench: $(VENV)/.installed-test ## the benchmark, in ratios, in under two minutes
	$(BIN)/python -m bench

boards: $(VENV)/.installed-test ## write the dashboard anew, and what the package and the operator have of deploy/
	$(BIN)/python -m deploy.grafana
	$(BIN)/python deploy/k8s/prometheusrule.py

tools: ## the programs that end-to-end tests run (Debian's packages)
	@.ci/tools

lock: $(VENV)/.installed-test ## resolve the dependencies anew and write the three lock files
	$(INSTALL) 'pip-tools>=7.6'
	$(COMPILE) --upgrade --output-file requirements.lock pyproject.toml
	$(COMPILE) --upgrade --output-file requirements-test.lock --extra test --constraint requirements.lock pyproject.toml
	$(COMPILE) --upgrade --output-file requirements-build.lock --allow-unsafe --only-build-deps --all-build-deps pyproject.toml

clean: ## remove what was made here; ./receiver-data, where incidents are, stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@PYTHON='$(PYTHON)' .ci/venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements.lock requirements-build.lock pyproject.toml
	@echo "Installing what receiver needs into $(VENV): a minute or two, the first time only."
	@$(INSTALL) --require-hashes --requirement requirements.lock
	@$(INSTALL) --require-hashes --requirement requirements-build.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed requirements-test.lock
	@echo "Installing what the tests need into $(VENV)."
	@$(INSTALL) --require-hashes --requirement requirements-test.lock
	@touch $@
