# Everything a clone needs: Python 3.11 or newer and make. Each target sets up what it uses in .venv and nothing elsewhere.
#   make demo                                     see it work: a sandbox server, then a task server with two daemons
#   make demo SERVER=URL PASSWORD_FILE=F [RUN=N]  the same against your own server; runs nothing without RUN
#   make test | check | bench                     tests; format, lint, types, imports, dead code; ratios side by side
#   make acceptance SERVER=URL PASSWORD_FILE=F [DATA=DIR]   the acceptance scripts against any server
#   make docs | links                             the documentation as a site in build/site; check the links that leave it
#   make mutants                                  plant ten bugs, each in a copy, and see the tests catch it
#   make reference | picture | clean              write the generated parts of the pages, or the picture of a terminal, anew

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-cache-dir
# Most tests wait for a sandbox rather than work.
WORKERS := 4
# Tests that wait for a clock on a busy machine get a second try, told with its traceback; what proves a promise gets none.
PROOFS := $(foreach part,architecture property fault/test_*crash* fault/test_*power* fault/test_*killed* fault/test_*simulation*,$(wildcard tests/$(part)))
RERUNS := --reruns 1 --max-suite-reruns 5 --rerun-show-tracebacks $(addprefix --rerun-exclude-path=,$(PROOFS))
CODE := src tests benchmarks demo docs
SPHINX = $(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --jobs auto --conf-dir docs/sphinx

.PHONY: demo test check bench mutants acceptance docs links reference picture clean
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

# Older releases of pip cannot read dependency groups, so a group is written out as a requirements file.
define install_group
	@echo "installing the tools of the $(1) group into $(VENV)"
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["$(1)"], sep="\n")' > $(VENV)/$(1).txt
	@$(INSTALL) --requirement $(VENV)/$(1).txt
	@touch $@
endef

$(VENV)/.serving: $(VENV)/.installed
	@echo "installing what a task server needs into $(VENV)"
	@$(INSTALL) --editable '.[taskserver,postgres]'
	@touch $@

$(VENV)/.developing: $(VENV)/.serving
	$(call install_group,dev)

$(VENV)/.documenting: $(VENV)/.installed
	$(call install_group,docs)

demo: $(VENV)/.serving
	@if [ -n '$(SERVER)' ] && [ ! -f '$(PASSWORD_FILE)' ]; then echo "SERVER needs PASSWORD_FILE, a file with its password" >&2; exit 1; fi
	@$(BIN)/python demo/demo.py $(if $(SERVER),--server '$(SERVER)' --password-file '$(PASSWORD_FILE)') $(if $(RUN),--run '$(RUN)')

test: $(VENV)/.developing
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(RERUNS)

check: $(VENV)/.developing
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/vulture

bench: $(VENV)/.developing
	@$(BIN)/python -m benchmarks

mutants: $(VENV)/.developing
	@$(BIN)/python -m tests.mutants

acceptance: $(VENV)/.installed
	@if [ -z '$(SERVER)' ]; then echo "say which server: make acceptance SERVER=URL PASSWORD_FILE=FILE [DATA=DIR]" >&2; exit 1; fi
	@$(BIN)/python -m tests.acceptance --server '$(SERVER)' --password-file '$(PASSWORD_FILE)' $(if $(DATA),--data '$(DATA)')

docs: $(VENV)/.documenting
	@$(SPHINX) --builder html --doctree-dir build/doctrees . build/site
	@if grep -rlE '<(script|link|img)[^>]+https?://' --include='*.html' build/site; then echo "these pages load something from elsewhere" >&2; exit 1; fi
	@echo "the documentation is in build/site/index.html"

links: $(VENV)/.documenting
	@$(SPHINX) --builder linkcheck --doctree-dir build/doctrees . build/links

reference: $(VENV)/.installed
	@$(BIN)/python -m docs.generate

picture: $(VENV)/.developing
	@$(BIN)/python demo/picture.py docs/images/terminal.svg

clean:
	rm -rf $(VENV) .demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
