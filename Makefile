# What CI runs, and what to run before a commit. BIN: where the environment of `pip install -e '.[test]'` keeps its programs.
BIN ?= .venv/bin

.PHONY: check lint test format

check: lint test

lint:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test:
	$(BIN)/pytest -n 2

format:
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
