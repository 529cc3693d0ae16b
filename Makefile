# What CI runs, and what to run before a commit. BIN: where the environment of `pip install -e '.[test]'` keeps its programs.
BIN ?= .venv/bin

.PHONY: check lint test quick format

check: lint test

lint:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test:
	$(BIN)/pytest -n 4 --durations=20

# All that needs no browser, pooler or wheel and takes less than a second, with fewer random histories.
quick:
	$(BIN)/pytest -n 4 -q -m "not (slow or browser or pooler or wheel)" --hypothesis-profile=quick

format:
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
