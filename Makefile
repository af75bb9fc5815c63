# `make demo` runs the first recipe on a fresh machine; `make test` runs every test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PLUGINS := $(sort $(wildcard plugins/*/pyproject.toml))
INSTALL := -e . $(foreach plugin,$(PLUGINS),-e $(dir $(plugin)))

.PHONY: demo test check install install-dev clean

demo: install
	$(BIN)/probekit run plugin=gru-saturation out=runs/gru-saturation
	@echo "The page is $(CURDIR)/runs/gru-saturation/report.html"

test: install-dev check
	$(BIN)/python -m pytest

check: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(VENV)/installed
install-dev: $(VENV)/installed-dev

$(VENV)/installed: pyproject.toml constraints.txt $(PLUGINS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt $(INSTALL)
	@# the weights of a published model; what else that package wants is for code that is never run
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps g2p-en
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .[dev]
	@touch $@

clean:
	rm -rf $(VENV) runs build
