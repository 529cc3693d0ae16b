# What to run before a commit; CI runs the same commands. BIN is the folder of programs of the environment that
# `pip install -e '.[test]'` filled.
BIN ?= .venv/bin

.PHONY: check lint test quick format docs pages dbt superset supply mutants prove picture

check: lint test

lint:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory docs

test:
	$(BIN)/pytest -n 4 --durations=20

# All that needs no browser, pooler or wheel and takes less than a quarter of a second, with fewer random histories. On
# PostgreSQL only the first case of each test of the rules.
quick:
	$(BIN)/pytest -n 3 -q -m "not (slow or medium or browser or pooler or wheel or repeated)" --hypothesis-profile=quick

format:
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The site, in build/site. A dead link, a page outside the menu or a missing anchor fails it.
docs:
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# What is written from the program: the pages of commands, settings, and tables and views, the JSON Schema of the
# settings, the man page, and the sources of the dbt package.
pages:
	$(BIN)/python tools/pages.py

# Build and test the dbt package with a real dbt, in an environment of its own, on a demo in a database of its own.
dbt:
	$(BIN)/python tools/dbt_check.py

# Import the bundle for Superset into a real Superset, and ask every chart for its data.
superset:
	$(BIN)/python tools/superset_check.py

# Known vulnerabilities and licences of all libraries, an SBOM, and two builds that must be the same, in build/supply.
supply:
	$(BIN)/python tools/supply.py

# Mutate the program and see which mutants no test kills, in build/mutants. MODULES names some modules, or is --resume to
# go on where it was stopped.
mutants:
	$(BIN)/python tools/mutation/run.py $(MODULES)

# Run the tests that try many random or generated cases, at their longest setting, and try two mutants of each module.
# Count them all. It takes two hours or more, and the mutants need the package registry.
prove:
	$(BIN)/python tools/prove.py

# The pictures of README.md, from the demo's report.
picture:
	$(BIN)/python tools/picture.py
