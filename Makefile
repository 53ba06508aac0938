# make demo    set up, then see a photo inside a network
# make test    set up, then run the tests
# make check   tests, lint, types, docs: what CI runs
# make bench   the measurements behind the claims of speed
# make gallery build the pictures of the documentation again
# make clean   remove what was made here

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check lint types docs bench gallery clean

# A stamp is newer than what it was made from, so a second run installs nothing.
$(VENV)/ready: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (PyTorch is the large part) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/ready-test: $(VENV)/ready
	@echo "adding what the tests and checks need ..."
	@$(PIP) --requirement requirements-dev.txt
	@touch $@

demo: $(VENV)/ready
	$(BIN)/convscope see

test: $(VENV)/ready-test
	$(BIN)/python -m pytest

lint: $(VENV)/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready-test
	$(BIN)/mypy

docs: $(VENV)/ready-test
	$(BIN)/zensical build --clean

check: lint types docs test

bench: $(VENV)/ready-test
	$(BIN)/python bench/start.py
	$(BIN)/python bench/draw.py
	$(BIN)/python bench/trace.py

gallery: $(VENV)/ready-test
	$(BIN)/python examples/make_gallery.py

clean:
	rm -rf $(VENV) convscope-out site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
