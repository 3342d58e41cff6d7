# `make` prints what can be done here. Everything needs only Python 3.11+ and make.
PYTHON ?= python3
BIN    := .venv/bin
READY  := .venv/.ready
# A hundred of the commands below start Python: what a module compiles to is kept, also where the shell says otherwise.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo serve test soak check bench browser-deps lock clean
.DEFAULT_GOAL := help

help:  ## print this page
	@echo "Mingqu 明渠: what make can do here"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## ?/  make \1\t/' | expand -t 22

setup: $(READY)  ## create .venv with everything, every download checked by hash

$(READY): requirements.lock requirements-source.lock pyproject.toml hatch_build.py assets/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Mingqu needs Python 3.11 or newer; choose one with: make PYTHON=python3.12 setup"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "setup: installing the locked packages into .venv (a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-build-isolation -r requirements-source.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)  ## three people's loans, from application to certificate, on a real database
	@$(BIN)/mingqu demo

serve: $(READY)  ## database, sandbox, jobs and server together, with somebody to be; STORY=1 tells half a year first
	@$(BIN)/mingqu serve --guide $(if $(STORY),--story --data data/story)

# A process of tests waits for its database server about as long as it works: three keep two cores busy.
test: $(READY)  ## every test (some ten minutes on two cores)
	@$(BIN)/python -m pytest -n 3 --dist loadgroup

soak: $(READY)  ## the long versions of the same tests
	@MINGQU_SOAK=1 $(BIN)/python -m pytest -n 3 --dist loadgroup

check: $(READY)  ## ruff, mypy --strict, import contracts, tidy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/tidy

bench: $(READY)  ## every benchmark, as ratios to a yardstick measured in the same run
	@$(BIN)/mingqu bench all

browser-deps:  ## install what the browser tests need (Debian, root)
	@command -v chromium >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq chromium; }

lock: $(READY)  ## write the lock files anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --all-extras --group dev --group bench --group source --no-emit-package python-alipay-sdk --no-header --quiet -o requirements.lock
	@$(BIN)/uv pip compile --group source --universal --python-version 3.11 --generate-hashes --no-deps --no-header --quiet -o requirements-source.lock

clean:  ## remove .venv and everything built
	@rm -rf .venv build dist .mypy_cache .ruff_cache .import_linter_cache
