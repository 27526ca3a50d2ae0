# Lagebild. `make` alone lists what there is.
PYTHON ?= python3
LAGEBILD := .venv/bin/lagebild

.DEFAULT_GOAL := help
.PHONY: help run up bi bi-test down status docs quality-docs test test-unit test-warehouse test-end-to-end lint bench faults \
	mutants life disclosure docker-test sbom audit settings mart-pages messages types changed environment
# Where this is set (as in many images), no Python would ever keep what it compiled: each start of Airflow, dbt or Great
# Expectations would compile a thousand files anew, and take twice as long.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := .venv/bin/pytest -n $(or $(WORKERS),auto) --dist worksteal

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: environment ## start everything, load what is new, build, publish, extract, print the figures (OPTIONS=-v: every step)
	@$(LAGEBILD) run $(OPTIONS)

up: environment ## start PostgreSQL and Airflow
	@$(LAGEBILD) stack up $(OPTIONS)

bi: environment ## start Apache Superset with the dashboards of bi/ (the stack must run)
	@$(LAGEBILD) stack bi $(OPTIONS)

bi-test: environment ## open every dashboard in Debian's Chromium, in both languages, and compare what is shown with the marts
	@.venv/bin/python -m tests.bi.browser $(OPTIONS)

down: ## stop all of it; what was loaded stays
	@if [ -x $(LAGEBILD) ]; then $(LAGEBILD) stack down $(OPTIONS); else echo "nothing to stop: there is no environment yet (make run makes it)"; fi

status: ## what runs, where it listens, where the files are
	@if [ -x $(LAGEBILD) ]; then $(LAGEBILD) stack status; else echo "nothing is here yet: make run makes the environment and starts it"; fi

docs: environment ## write dbt's documentation as one page, .lagebild/docs/index.html (the stack must run)
	@$(LAGEBILD) warehouse docs

quality-docs: environment ## write what every check said as pages, .lagebild/quality-docs/index.html (the stack must run)
	@$(LAGEBILD) warehouse quality-docs

test: environment ## run all tests (they start what they need, and stop it; WORKERS=3); the next three are its parts
	@$(PYTEST)

test-unit: environment ## run the tests that need no database
	@$(PYTEST) -m unit

test-warehouse: environment ## run the tests that need a PostgreSQL
	@$(PYTEST) -m warehouse

test-end-to-end: environment ## run the tests that need the real scheduler
	@$(PYTEST) -m end_to_end

changed: environment ## list the models, tests and consumers that a change of the dbt project reaches (BASE=main)
	@.venv/bin/python -m tests.changed_models $(BASE)

types: environment ## check types against what is known to be wrong (python -m tests.type_check --write notes less)
	@.venv/bin/python -m tests.type_check

lint: environment ## check form and style of Python and SQL, floors and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports --no-cache
	@.venv/bin/python -m tests.type_check
	@.venv/bin/sqlfluff lint --disable-progress-bar --processes 0 dbt_project/models

bench: environment ## measure loading beside raw COPY and dlt (ROWS=200000: a quick form), or a first run beside an earlier build (ONLY=first_run AGAINST=c2dc763); writes docs/benchmarks.md
	@.venv/bin/python -m tests.bench$(if $(ONLY),.$(ONLY) --against $(or $(AGAINST),c2dc763), --rows $(or $(ROWS),5000000)) $(OPTIONS)

faults: environment ## break a load at every point in every way, and check that nothing is lost; writes docs/faults.md
	@.venv/bin/python -m tests.faults

mutants: environment ## change every expectation in turn, and check that its cases notice (OPTIONS="--only ledger")
	@.venv/bin/python -m tests.expectations.mutate $(OPTIONS)

life: environment ## live three years of deliveries of every source in ten orders, which must end in the same marts (ORDERS=3)
	@LIFE_ORDERS=$(or $(ORDERS),10) $(PYTEST) tests/life

disclosure: environment ## publish 10,000 made-up places and try to find out what is protected (CASES=500 SEED=3); writes docs/disclosure.md
	@.venv/bin/python -m tests.disclosure --cases $(or $(CASES),10000) --seed $(or $(SEED),15) \
		$(if $(CASES)$(SEED),,--output docs/disclosure.md) $(OPTIONS)

settings: environment ## write .env.example and docs/settings.md from the definition of the settings
	@.venv/bin/python -m lagebild.core.settings_pages

mart-pages: environment ## write docs/marts/, the data dictionary, from the definitions of the marts
	@.venv/bin/python -m lagebild.local.mart_pages

sbom: environment ## list what is installed from others: docs/licences.md, .lagebild/sbom.cdx.json (CycloneDX)
	@.venv/bin/python -m tests.supply_chain sbom

messages: environment ## take messages of ingest/contracts/messages.py into the catalogues of ingest/locale, and compile them
	@.venv/bin/pybabel -q extract --no-default-keywords -k _text:1c,2 --no-location --omit-header -o .venv/messages.pot ingest/contracts/messages.py
	@.venv/bin/pybabel -q update -i .venv/messages.pot -d ingest/locale -w 100 --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	@.venv/bin/pybabel -q compile -d ingest/locale

audit: environment ## ask whether something that is installed is known to be broken; exit code 3: could not look
	@.venv/bin/python -m tests.supply_chain audit

docker-test: environment ## build and run the compose file's services as containers, from loading to stopping (root, podman, debootstrap)
	@.venv/bin/python -m tests.docker.stack $(OPTIONS)

environment:
	@$(PYTHON) lagebild/bootstrap.py
