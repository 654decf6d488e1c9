# `make up` starts everything on this machine; `make test` is all that CI runs. `make help` lists the rest.

# The index that torch comes from, for one that offers the CPU build: make up TORCH_INDEX=https://…
TORCH_INDEX ?=
# Any Python of at least 3.11; the newest that is found when `python3` is older.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check
TORCH := $(shell grep '^torch==' requirements.txt)
CACHES := .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Another active environment must not leak into ours.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

.PHONY: help up install install-dev test check soak bench messages clean

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

up: install ## Start everything, with a local fleet; ARGS="--port 9000 --agents 3" passes options
	@exec $(RUN) manage.py up $(ARGS)

install: $(VENV)/.installed ## Make .venv with the pinned requirements

install-dev: $(VENV)/.installed-dev ## Add what the tests need

test: install-dev ## Run all that CI runs: at most 15 minutes on two cores
	@.ci/chromium
	@.ci/check
	@$(RUN) -m pytest -n 2 --dist loadfile -m "not soak" $(ARGS)

check: install-dev ## Run the fast part: ruff, mypy, import-linter, migrations, deployment checks
	@.ci/check
	@$(RUN) -m pytest -q tests/architecture

soak: install-dev ## Run what is longer than a minute; SOAK_SECONDS=90 shortens the random kills
	@.ci/chromium
	@$(RUN) -m pytest -m soak $(ARGS)

bench: install-dev ## Measure on this machine
	@$(RUN) -m bench $(ARGS)

messages: install-dev ## Bring the translation catalogues up to date with the sources
	@. .ci/environment && $(RUN) manage.py messages $(ARGS)

clean: ## Remove all that was made here, with the data under var/
	@if [ -e var/supervisor.lock ] && ! flock -n var/supervisor.lock true; then \
		echo "var/ is in use: stop 'make up' first." >&2; exit 1; fi
	@if [ -L var/servers ]; then rm -rf "$$(readlink -f var/servers)"; fi
	rm -rf var $(VENV) build dist $(CACHES)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find locale -name '*.mo' -delete

$(RUN):
	@if [ -z "$(PYTHON)" ]; then echo "Muster needs Python 3.11 or newer. Install one, or: make PYTHON=/path/to/python" >&2; exit 1; fi
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/.installed: requirements.txt | $(RUN)
	@echo "Installing the requirements; the first time takes a few minutes."
	@$(if $(TORCH_INDEX),$(PIP) install -qq --index-url $(TORCH_INDEX) "$(TORCH)", \
		$(PIP) install -qq "$(TORCH)+cpu" 2>/dev/null || $(PIP) install -qq "$(TORCH)")
	@$(PIP) install -qq -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@$(PIP) install -qq -r requirements-dev.txt
	@touch $@
