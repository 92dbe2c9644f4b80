# Everything a clone needs: Python 3.11 or newer and make. Each target sets up what it uses in .venv and nothing elsewhere.
#   make demo                                     see it work against a sandbox server
#   make demo SERVER=URL PASSWORD_FILE=F [RUN=N]  the same against your own server; runs nothing without RUN
#   make test | check | bench                     tests; format, lint, types, imports, dead code; ratios side by side
#   make acceptance SERVER=URL PASSWORD_FILE=F [DATA=DIR]   the acceptance scripts against any server
#   make picture | clean

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-cache-dir
# Most tests wait for a sandbox rather than work.
WORKERS := 4
CODE := src tests benchmarks demo

.PHONY: demo test check bench acceptance picture clean
.DEFAULT_GOAL := demo

# A version is asked for, not assumed: the first interpreter that is new enough wins, PYTHON=… comes before all.
$(BIN)/python:
	@for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "setting up $(VENV) with $$("$$candidate" --version)"; \
	    "$$candidate" -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); echo "$$candidate cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
	  fi; \
	done; \
	echo "duplicati-client needs Python 3.11 or newer, and none was found; name one with PYTHON=/path/to/python3" >&2; exit 1

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "installing duplicati-client into $(VENV)"
	@$(INSTALL) --editable .
	@touch $@

# Older releases of pip cannot read dependency groups, so the group is written out as a requirements file.
$(VENV)/.developing: $(VENV)/.installed
	@echo "installing the tools of the dev group into $(VENV)"
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"], sep="\n")' > $(VENV)/dev.txt
	@$(INSTALL) --requirement $(VENV)/dev.txt
	@touch $@

demo: $(VENV)/.installed
	@if [ -n '$(SERVER)' ] && [ ! -f '$(PASSWORD_FILE)' ]; then echo "SERVER needs PASSWORD_FILE, a file with its password" >&2; exit 1; fi
	@$(BIN)/python demo/demo.py $(if $(SERVER),--server '$(SERVER)' --password-file '$(PASSWORD_FILE)') $(if $(RUN),--run '$(RUN)')

test: $(VENV)/.developing
	@$(BIN)/python -m pytest -n $(WORKERS)

check: $(VENV)/.developing
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/vulture

bench: $(VENV)/.developing
	@$(BIN)/python -m benchmarks

acceptance: $(VENV)/.installed
	@if [ -z '$(SERVER)' ]; then echo "say which server: make acceptance SERVER=URL PASSWORD_FILE=FILE [DATA=DIR]" >&2; exit 1; fi
	@$(BIN)/python -m tests.acceptance --server '$(SERVER)' --password-file '$(PASSWORD_FILE)' $(if $(DATA),--data '$(DATA)')

picture: $(VENV)/.developing
	@$(BIN)/python demo/picture.py docs/images/terminal.svg

clean:
	rm -rf $(VENV) .demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
