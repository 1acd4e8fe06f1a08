# The tasks of developers and CI. `make` without arguments lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LISTEN ?= 127.0.0.1:8080
# A lock names exact versions and hashes, so what installs here is what was tested.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
ALONE   := alone
FAILOVER := failover
SYSTEM  := (faults or e2e) and not (alone or failover)
REST    := not (faults or e2e or alone or failover)
# The pure packages, and the tests that measure their branch coverage: their own, and those of other packages that run
# decisions that no test of their own runs. Coverage nearly doubles the CPU time of a test, so all others run without it, and
# so do those that try many cases of what others cover.
PURE     := model triage incident review
STORIES := alertmanager_reconciliation corrections emergency_pages escalation_without_store fix_verification \
	follow_up_updates held_incidents joined_alerts measured_severity notification_history personal_rules reviews sms \
	split superseded_incidents teams tickets watchdog
SWEEPS  := tests/incident/test_paging_invariant.py tests/incident/alerts/test_notification_order.py \
	tests/triage/rules/test_rule_properties.py
MEASURED = $(filter-out $(SWEEPS),$(shell find $(PURE:%=tests/%) -name 'test_*.py')) $(STORIES:%=tests/stories/test_%.py) \
	tests/cli/commands/test_test_rules.py tests/config/loader/test_store_checks.py tests/web/api/test_every_operation.py \
	tests/web/api/test_maintenance.py tests/web/api/test_incident_commands.py tests/web/test_example_incident.py \
	tests/web/webhooks/test_slack.py
COMPILE := $(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host \
	--no-emit-find-links --no-header --no-emit-options --resolver=backtracking

.DEFAULT_GOAL := help
.PHONY: help run free-port test coverage lint types docs bench boards lock clean tools

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

run: free-port $(VENV)/.installed ## start the service on 127.0.0.1:8080 (LISTEN=...) with the embedded store
	@$(BIN)/receiver serve --listen $(LISTEN)

# Runs before the installation, which takes minutes; if Python is missing, .ci/venv reports it.
free-port:
	@! command -v '$(PYTHON)' >/dev/null || '$(PYTHON)' .ci/port '$(LISTEN)'

# Tests that measure time have the machine to themselves. Tests of failovers wait for the store's servers, so two of them run
# at once. Tests of whole processes wait most of the time and run next to all others. Every part runs, even if an earlier one
# fails.
test: $(VENV)/.installed-test tools tests/clients/node_modules/.installed lint types ## install what the tests need, then run all of them
	@mkdir -p build; \
	$(BIN)/pytest -m '$(ALONE)'; first=$$?; \
	$(BIN)/pytest -m '$(FAILOVER)' -n 2 --dist loadgroup; second=$$?; \
	$(BIN)/pytest -m '$(SYSTEM)' -n 2 --dist loadfile > build/system-tests.log 2>&1 & system=$$!; \
	trap 'kill $$system' INT TERM; \
	$(MAKE) --no-print-directory coverage; third=$$?; \
	$(BIN)/pytest -m '$(REST)' $(MEASURED:%=--ignore=%) -n 2 --dist loadfile; fourth=$$?; \
	wait $$system; fifth=$$?; cat build/system-tests.log; \
	exit $$((first + second + third + fourth + fifth))

coverage: $(VENV)/.installed-test ## the tests that measure the branch coverage of the pure packages, and its floors
	@mkdir -p build; \
	$(BIN)/pytest -m '$(REST)' $(MEASURED) -n 2 --dist loadfile --cov --cov-report=; tested=$$?; \
	$(BIN)/python .ci/coverage $(PURE) && exit $$tested

lint: $(VENV)/.installed-test ## style of the code, the tests and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile

types: $(VENV)/.installed-test ## mypy --strict
	$(BIN)/mypy

docs: $(VENV)/.installed-test ## generate the pages from the code, and build the site into build/site
	@$(BIN)/python -m reference
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench: $(VENV)/.installed-test ## the benchmark, in ratios, in under two minutes
	$(BIN)/python -m bench

boards: $(VENV)/.installed-test ## generate the dashboard, and the copies of deploy/ in the package and for the operator
	$(BIN)/python -m deploy.grafana
	$(BIN)/python deploy/k8s/prometheusrule.py

tools: ## the programs that end-to-end tests run (Debian's packages)
	@.ci/tools

lock: $(VENV)/.installed-test ## resolve the dependencies again and write the four lock files
	@mkdir -p build
	$(INSTALL) 'pip-tools>=7.6'
	$(COMPILE) --upgrade --output-file requirements.lock pyproject.toml
	$(COMPILE) --upgrade --output-file requirements-test.lock --extra test --constraint requirements.lock pyproject.toml
	$(COMPILE) --upgrade --output-file requirements-build.lock --allow-unsafe --only-build-deps --all-build-deps pyproject.toml
	$(BIN)/python .ci/phones-lock > build/phones.lock && mv build/phones.lock requirements-phones.lock

clean: ## remove generated files; ./receiver-data, which has the incidents, stays
	rm -rf $(VENV) build dist *.egg-info tests/clients/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@PYTHON='$(PYTHON)' .ci/venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements.lock requirements-build.lock pyproject.toml
	@echo "Installing what receiver needs into $(VENV): a minute or two, the first time only."
	@$(INSTALL) --require-hashes --requirement requirements.lock
	@$(INSTALL) --require-hashes --requirement requirements-build.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed requirements-test.lock requirements-phones.lock
	@echo "Installing what the tests need into $(VENV)."
	@$(INSTALL) --require-hashes --requirement requirements-test.lock
	@$(INSTALL) --require-hashes --no-deps --ignore-requires-python --requirement requirements-phones.lock
	@touch $@

# Third-party clients for tests/web/test_foreign_clients.py; their install scripts are not run.
tests/clients/node_modules/.installed: tests/clients/package-lock.json | tools
	@echo "Installing the clients that the tests run into tests/clients/node_modules."
	@cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
