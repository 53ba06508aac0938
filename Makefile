# make demo    set up, then see a photo inside a network
# make test    set up, then run the tests
# make check   tests, lint, types (Python and JavaScript), docs: what CI runs
# make bench   the measurements behind the claims of speed
# make gallery build the pictures of the documentation again
# make clean   remove what was made here

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check lint types web docs bench gallery clean

# A stamp is newer than what it was made from, so a second run installs nothing.
$(VENV)/ready: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (PyTorch is the large part) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/ready-test: $(VENV)/ready requirements-dev.txt tools/chromium.sh
	@echo "adding what the tests and checks need ..."
	@$(PIP) --requirement requirements-dev.txt
	@tools/chromium.sh
	@touch $@

$(VENV)/ready-web: package.json
	@mkdir -p $(VENV)
	@npm install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

demo: $(VENV)/ready
	$(BIN)/convscope see

# A process for each processor (JOBS=0: none but this one), each with one thread; a file of tests stays in one process.
JOBS ?= logical
test: $(VENV)/ready-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --maxprocesses 8 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready-test
	$(BIN)/mypy

web: $(VENV)/ready-web $(VENV)/ready-test
	node_modules/.bin/tsc --project .
	PYTHON=$(BIN)/python node --test --test-timeout=120000 tests/web/
	$(BIN)/python tools/refresh_vendor.py --check

docs: $(VENV)/ready-test
	$(BIN)/zensical build --clean

check: lint types web docs test

bench: $(VENV)/ready-test
	$(BIN)/python bench/start.py
	$(BIN)/python bench/draw.py
	$(BIN)/python bench/trace.py
	$(BIN)/python bench/viewer.py
	$(BIN)/python bench/open.py
	$(BIN)/python bench/serve.py
	$(BIN)/python bench/folder.py
	$(BIN)/python bench/train_fashion.py
	$(BIN)/python bench/fashion.py
	$(BIN)/python bench/catdog.py
	$(BIN)/python bench/resume.py
	$(BIN)/python bench/explain_quality.py
	$(BIN)/python bench/explain_speed.py

gallery: $(VENV)/ready-test
	$(BIN)/python examples/make_gallery.py
	$(BIN)/python examples/make_explained.py
	$(BIN)/python examples/make_screens.py

clean:
	rm -rf $(VENV) node_modules convscope-out site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
