# Every verb makes the environment that it needs, once. Python 3.11 or newer and make are all that must be there.
# Another Python: make test PYTHON=python3.12      Another stage: make package STAGE=prod      More for pytest: ARGS="-k refund -x"

STAGE ?= dev
ARGS ?=

# A process for each processor; one that is done takes from what another still has before it.
SPREAD := -n auto --maxprocesses 8 --dist worksteal

VENV := .venv
BIN := $(VENV)/bin
EMULATOR := .venv-ministack
AUDIT := .venv-audit
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-input

RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
MINISTACK := $(EMULATOR)/.installed
AUDITORS := $(AUDIT)/.installed
PEERS := .venv-benchmarks
PEER_PACKAGES := $(PEERS)/.installed
NPM := client/node_modules/.installed
CLIENTS := .venv-clients
CLIENT_PACKAGES := $(CLIENTS)/.installed
CLIENT_MODULES := tests/clients/node_modules/.installed
OPENAPI_LINTERS := tools/openapi/lint/node_modules/.installed

.DEFAULT_GOAL := help
.PHONY: help run services sandbox reset demo record incidents benchmarks growth instructions test steady races prove guards mutants check format coverage template costs openapi openapi-lint client clients package release verify-deploy deploy rollback destroy drill restore export doctor secrets logs users check-gateway show lock audit setup clean

help: ## List these verbs
	@echo "make <verb>:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN) $(MINISTACK) ## Run all of Guzo on this machine, with seed data; Ctrl-C stops it
	@$(BIN)/python -m local run

services: $(RUN) $(MINISTACK) ## Run all but the API, so that plain `chalice local` works beside it
	@$(BIN)/python -m local services

sandbox: $(RUN) ## Run the sandboxes of Chapa and Paystack alone, for clients other than Guzo; Ctrl-C stops them
	@$(BIN)/python -m local sandbox

reset: $(RUN) ## Delete the bookings, listings and e-mails that `make run` keeps, and set its clock back
	@$(BIN)/python -m local reset

demo: $(RUN) $(MINISTACK) ## Run the scenarios, step by step, and check them: make demo [GATEWAY=chapa-v2|paystack]
	@$(BIN)/python -m local demo $(if $(GATEWAY),--gateway $(GATEWAY))

record: $(DEV) $(MINISTACK) ## Play it again, and write docs/demo.md, its pictures and the consoles' (needs Chromium)
	@$(BIN)/python -m local.scenarios.record
	@GUZO_PICTURES=docs/images $(BIN)/python -m pytest -q --no-header -n0 tests/browser/test_console.py

incidents: $(RUN) $(MINISTACK) ## Stage what goes wrong of an evening, solve it at a terminal, write docs/incidents.md (ARGS=--check)
	@$(BIN)/python -m local.incidents.play $(ARGS)

test: $(DEV) $(MINISTACK) ## Run every test that needs no cloud
	@$(BIN)/python -m pytest $(SPREAD) -m "not races" $(ARGS)

steady: $(DEV) $(MINISTACK) ## Run every test RUNS times, and report what failed, and how often: make steady RUNS=20
	@$(BIN)/python -m tests.steady $(or $(RUNS),20) $(SPREAD) -m "not races" $(ARGS)

races: $(DEV) $(MINISTACK) ## Run races and crashes on DynamoDB Local (Java 17 and Maven, or Docker, or AWS_ENDPOINT_URL_DYNAMODB)
	@$(BIN)/python -m local.stack.emulator.dynamodb_local fetch
	@$(BIN)/python -m pytest -m races tests/races $(ARGS)

prove: $(DEV) ## Play 20,000 simulated histories, then take each guard away and see that it is missed (ARGS="--seeds 500")
	@$(BIN)/python -m tests.simulation $(ARGS)
	@$(BIN)/python -m tests.simulation --mutations

guards: $(DEV) ## Put in the faults that people make, one after another, and see that a test notices each (ARGS="--only refund")
	@$(BIN)/python -m tests.guards $(ARGS)

mutants: $(DEV) ## Score the tests by mutants of domain, services, adapters, api, events, container (ARGS="api --budget 200")
	@$(BIN)/python -m tests.guards.mutants $(ARGS)

check: $(DEV) ## Check format, lint, types and import arrows, and run the quick tests: seconds
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: run make format."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tools.openapi --check
	@$(BIN)/python -m pytest -q --no-header $(SPREAD) $(wildcard tests/domain tests/services) $(ARGS)

format: $(DEV) ## Format the code and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

coverage: $(DEV) $(MINISTACK) ## Run the tests and list the lines and branches that none of them reaches
	@$(BIN)/python -m pytest $(SPREAD) --cov --cov-report=term-missing:skip-covered -m "not races" $(ARGS)

benchmarks: $(DEV) $(MINISTACK) $(PEER_PACKAGES) ## Measure answers, units and throughput against peers; writes docs/performance.md
	@$(BIN)/python -m local.stack.emulator.dynamodb_local fetch
	@$(BIN)/python -m benchmarks

instructions: $(DEV) $(MINISTACK) ## Compare a booking's instructions with the commit before: fails above 3 % (needs valgrind)
	@$(BIN)/python -m benchmarks.guard $(ARGS)

growth: $(DEV) ## Count what requests cost while tables fill, where heat gathers, how backlogs drain (DynamoDB Local)
	@$(BIN)/python -m local.stack.emulator.dynamodb_local fetch
	@$(BIN)/python -m benchmarks.growth $(ARGS)

template: $(DEV) ## Write what is generated of .chalice/resources.json into it again
	@$(BIN)/python -m tools.template

costs: $(DEV) ## Write docs/costs.md and its chart from the tables of prices and uses again
	@$(BIN)/python -m tools.costs

openapi: $(DEV) ## Write docs/openapi.json from the routes again
	@$(BIN)/python -m tools.openapi

openapi-lint: $(OPENAPI_LINTERS) ## Hold docs/openapi.json to the rules of Spectral and Redocly (Node.js 20.19 or newer)
	@cd tools/openapi/lint && REDOCLY_SUPPRESS_UPDATE_NOTICE=true npm run --silent lint

client: $(NPM) ## Generate, compile and test the TypeScript client in client/ (Node.js 18 or newer)
	@rm -rf client/dist client/build
	@cd client && npm run --silent generate && npm run --silent build && npm run --silent test

clients: $(RUN) $(CLIENT_PACKAGES) $(CLIENT_MODULES) ## Run other people's clients of Chapa and Paystack against the sandboxes (Node.js 18.18 or newer)
	@$(BIN)/python -m tests.clients

package: $(DEV) ## Build build/STAGE/: the zip for Lambda and its linted template (ARCH=x86_64)
	@$(BIN)/python -m tools.package $(STAGE) $(if $(ARCH),--architecture $(ARCH))

release: $(DEV) ## Build build/release/: what a release consists of, for both processors, with checksums
	@$(BIN)/python -m tools.release

verify-deploy: $(DEV) $(MINISTACK) ## Deploy a stage's real package to an emulated AWS and run a scenario through its API
	@$(BIN)/python -m local.scenarios.verify_deploy $(STAGE)

deploy: $(DEV) ## Deploy to AWS: make deploy STAGE=dev [PARAMETERS="MailFrom=…"] [BUCKET=…] [ARCH=x86_64] [ARGS=--yes]
	@$(BIN)/python -m ops.stages.deploy $(STAGE) $(if $(BUCKET),--bucket $(BUCKET)) $(if $(ARCH),--architecture $(ARCH)) $(ARGS) $(PARAMETERS)

rollback: $(DEV) ## Go back to the release before, data and all: make rollback STAGE=dev [ARGS="--to COMMIT"|--list]
	@$(BIN)/python -m ops.stages.rollback $(STAGE) $(if $(BUCKET),--bucket $(BUCKET)) $(ARGS)

destroy: $(DEV) ## Take a stage away; it refuses where there is data to lose
	@$(BIN)/python -m ops.stages.destroy $(STAGE) $(ARGS)

drill: $(DEV) ## Rehearse a restore: all tables beside the live ones, checked and timed (ARGS="--at 2026-11-26T10:00:00Z")
	@$(BIN)/python -m ops.stages.drill $(STAGE) $(ARGS)

restore: $(DEV) ## Put a stage's tables back to what they were: make restore STAGE=dev AT=2026-11-26T10:00:00Z
	@$(BIN)/python -m ops.stages.restore $(STAGE) $(AT) $(ARGS)

export: $(DEV) ## Write ledger and bookings as lines of JSON, a file a day: make export STAGE=prod [ARGS="--to FOLDER --since DAY"]
	@$(BIN)/python -m ops.stages.export $(STAGE) $(ARGS)

doctor: $(DEV) ## Look at a deployed stage and say what is not as it should be
	@$(BIN)/python -m ops.stages.doctor $(STAGE) $(ARGS)

secrets: $(RUN) ## Put a stage's secrets into SSM: make secrets STAGE=dev [ARGS="--set NAME"|"--forget NAME"]
	@$(BIN)/python -m ops.stages.secrets $(STAGE) $(ARGS) $(PARAMETERS)

logs: $(RUN) ## Read a stage's logs: make logs STAGE=dev [ARGS="--errors --since 2h --find TEXT --follow"]
	@$(BIN)/python -m ops.stages.logs $(STAGE) $(ARGS)

users: $(RUN) ## Write down who can sign in, as a backup of the user pool: make users STAGE=prod > users.jsonl
	@$(BIN)/python -m ops.stages.users $(STAGE)

check-gateway: $(RUN) ## Ask the real gateways, in test mode, with a stage's keys: make check-gateway STAGE=dev
	@$(BIN)/python -m ops.stages.check_gateway $(STAGE) $(ARGS)

show: $(RUN) ## What is stored of a booking, as JSON: make show STAGE=dev BOOKING=GZ...
	@$(BIN)/python -m ops.show $(STAGE) $(BOOKING)

lock: $(DEV) ## Lock requirements*.txt, with hashes, after a change of an .in file (ARGS=--upgrade for newer versions)
	@$(BIN)/python -m tools.lock $(ARGS)

audit: $(DEV) $(AUDITORS) ## Look for known weaknesses in requirements, template and workflows (needs the internet)
	@$(BIN)/python -m tools.audit $(AUDIT)/bin

setup: $(DEV) $(MINISTACK) ## Install everything now, and the pre-commit hook
	@$(BIN)/pre-commit install

clean: ## Remove everything that these verbs made
	rm -rf $(VENV) $(EMULATOR) $(AUDIT) $(CLIENTS) $(PEERS) build .local .coverage htmlcov
	rm -rf tests/clients/node_modules tools/openapi/lint/node_modules client/node_modules client/dist client/build client/src/schema.ts
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .chalice/deployments
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first python that is new enough; PYTHON=… overrides it. Asked only when an environment must be made.
FIND_PYTHON = for python in $(PYTHON) $(if $(PYTHON),,python3 python3.13 python3.12 python3.11 python3.14 python); do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done

MAKE_VENV = python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then echo "Guzo needs Python 3.11 or newer$(if $(PYTHON),; PYTHON=$(PYTHON) is not)."; exit 1; fi; \
	$$python -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "This Python cannot make environments: install its venv package (Debian: apt install python3-venv)."; exit 1; }; \
	[ -x $@/bin/python ] || $$python -m venv $@

$(VENV) $(EMULATOR) $(AUDIT) $(CLIENTS) $(PEERS):
	@$(MAKE_VENV)

$(RUN): local/requirements-local.txt | $(VENV)
	@echo "Installing packages (first run only)…"
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r local/requirements-local.txt
	@touch $@

$(DEV): requirements-dev.txt $(RUN)
	@echo "Installing the tools for tests and checks (first run only)…"
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@

$(MINISTACK): local/requirements-ministack.txt | $(EMULATOR)
	@echo "Installing the emulated AWS (first run only)…"
	@$(EMULATOR)/bin/python $(PIP_INSTALL) --require-hashes -r local/requirements-ministack.txt
	@touch $@

$(AUDITORS): requirements-audit.txt | $(AUDIT)
	@echo "Installing the auditors (first run only)…"
	@$(AUDIT)/bin/python $(PIP_INSTALL) --require-hashes -r requirements-audit.txt
	@touch $@

$(CLIENT_PACKAGES): tests/clients/requirements.txt | $(CLIENTS)
	@echo "Installing the Python clients of the gateways (first run only)…"
	@$(CLIENTS)/bin/python $(PIP_INSTALL) --require-hashes -r tests/clients/requirements.txt
	@touch $@

$(PEER_PACKAGES): benchmarks/peers/requirements.txt | $(PEERS)
	@echo "Installing what Guzo is measured against (first run only)…"
	@$(PEERS)/bin/python $(PIP_INSTALL) -r benchmarks/peers/requirements.txt
	@touch $@

$(CLIENT_MODULES): tests/clients/package.json tests/clients/package-lock.json
	@node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major * 100 + +minor < 1818 ? 1 : 0)' 2>/dev/null \
	  && command -v npm >/dev/null || { echo "The clients for Node.js need Node.js 18.18 or newer, with npm."; exit 1; }
	@echo "Installing the Node.js clients of the gateways (first run only)…"
	@cd tests/clients && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

$(NPM): client/package.json client/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null \
	  || { echo "The TypeScript client needs Node.js 18 or newer, with npm."; exit 1; }
	@echo "Installing what the client is made with (first run only)…"
	@cd client && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

$(OPENAPI_LINTERS): tools/openapi/lint/package.json tools/openapi/lint/package-lock.json
	@node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major * 100 + +minor < 2019 ? 1 : 0)' 2>/dev/null \
	  && command -v npm >/dev/null || { echo "The linters of the OpenAPI document need Node.js 20.19 or newer, with npm."; exit 1; }
	@echo "Installing the linters of the OpenAPI document (first run only)…"
	@cd tools/openapi/lint && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@
