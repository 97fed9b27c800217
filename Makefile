# `make demo` and `make test` set up what they need; you need nothing but Python, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo demo-cut-over sbom test test-quick check format bench bench-choice bench-downtime bench-fleet bench-origin bench-scale fuzz wheels proof proof-cut-over proof-fleet proof-recipes docs docs-pictures diagrams suites suite-trees host-tests reference clean

MATCHER := relstore/client/transfer/delta/matcher.c

# This compiles the matcher as well, where there is a C compiler (packaging/hatch_build.py).
$(STAMP): pyproject.toml $(MATCHER) packaging/hatch_build.py packaging/compile_matcher.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "relstore needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q $(VENV)/lib || true
	touch $@

# OpenStack Swift, an S3 store for the tests of origins, in an environment of its own: what it needs is not what we need.
SWIFT := .venv-swift
$(SWIFT)/.installed: packaging/swift-requirements.txt
	$(PYTHON) -m venv $(SWIFT)
	$(SWIFT)/bin/python -m pip install --quiet --disable-pip-version-check -r packaging/swift-requirements.txt
	touch $@

# The demo needs the package alone, without the developers' tools; where these are installed already, so is the package.
DEMO_VENV := $(if $(wildcard $(STAMP)),$(VENV),.venv-demo)
DEMO_STAMP := $(DEMO_VENV)/.installed

.venv-demo/.installed: pyproject.toml $(MATCHER) packaging/hatch_build.py packaging/compile_matcher.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "relstore needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --no-compile --quiet --disable-pip-version-check -e .
	touch $@

demo: $(DEMO_STAMP)
	$(DEMO_VENV)/bin/relstore demo

# The demo of the cut-over for a machine whose account has no systemd; needs root, for a host of its own.
demo-cut-over: $(STAMP)
	$(BIN)/python -m tests.systemd.demo_cut_over

# The tests spend much of their time waiting for hosts and clocks, so more of them run at once than there are cores.
WORKERS ?= 3
# What hangs in its clean-up ends its worker, so that the run goes on and names the test (pytest 9).
HANGS := -o faulthandler_exit_on_timeout=true
test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --max-worker-restart 0 $(HANGS)

# For quick feedback while you write code: the tests that need no host of their own and are fast.
test-quick: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --max-worker-restart 0 $(HANGS) -m "not slow" --ignore=tests/e2e --ignore=tests/systemd \
		--ignore=tests/proof --ignore=tests/test_docs_stories.py \
		--ignore=tests/client/connection/transport/ssh/test_connect.py

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/vermin --target=3.9- --no-tips --violations --eval-annotations --no-parse-comments \
		$$($(BIN)/python tests/host_sources)

# Runs the tests of the host side under an old interpreter: make host-tests OLD_PYTHON=pypy3
OLD_PYTHON ?= pypy3
host-tests: $(STAMP)
	tests/run_host_side $(OLD_PYTHON)

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python -m bench

# Whether the best way to send each content is chosen, for contents of many kinds; it takes some minutes and the network.
CHOICE ?=
bench-choice: $(STAMP)
	$(BIN)/python -m bench.choice $(CHOICE)

# How long a service is down during a push; needs root, for a host with systemd.
bench-downtime: $(STAMP)
	$(BIN)/python -m bench.downtime

# How much sooner a fleet behind one uplink has a release by an origin; needs root, for a shaped link.
BENCH_ORIGIN ?=
bench-origin: $(STAMP) $(SWIFT)/.installed
	$(BIN)/python -m bench.origin $(BENCH_ORIGIN)

# What many objects cost, compared with the peers' collectors; up to a million objects, which takes half an hour.
bench-scale: $(STAMP)
	$(BIN)/python -m bench.scale

# What many hosts cost the client, with up to 400 real sshds on this machine; it takes a quarter of an hour.
bench-fleet: $(STAMP)
	$(BIN)/python -m bench.fleet

# The compiled matcher with libFuzzer and sanitizers, for as long as you like; it needs clang. `make test` has a short form.
FUZZ_SECONDS ?= 600
FUZZ := build/fuzz
fuzz:
	mkdir -p $(FUZZ)/corpus
	clang -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-o $(FUZZ)/matcher tests/fuzz/fuzz_matcher.c
	$(FUZZ)/matcher -max_len=8192 -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(FUZZ)/ $(FUZZ)/corpus

# The sdist and the wheels of all platforms, in dist/, all made here: the PyPI package ziglang (80 MB) compiles the matcher
# for each. The same sources give the same bytes with the same hatchling and ziglang (docs/releasing.md).
wheels:
	$(PYTHON) -m venv .venv-wheels
	.venv-wheels/bin/python -m pip install --quiet --disable-pip-version-check -r packaging/build-tools.txt
	.venv-wheels/bin/python packaging/build_wheels.py

# What a release brings along, as CycloneDX, in dist/: of the pure wheel there, in an environment of its own.
sbom:
	$(PYTHON) -m venv .venv-wheels
	.venv-wheels/bin/python -m pip install --quiet --disable-pip-version-check -r packaging/build-tools.txt
	$(PYTHON) -m venv --clear .venv-sbom
	.venv-sbom/bin/python -m pip install --quiet --disable-pip-version-check dist/relstore-*-none-any.whl
	.venv-wheels/bin/python packaging/make_sbom.py dist/relstore.cdx.json .venv-sbom/bin/python

# The whole proof that nothing is lost (docs/promises.md); `make test` runs a part of each. It needs strace, and
# root for the small file systems.
proof: $(STAMP)
	$(BIN)/python -m tests.proof

# relstore at a host of each of Debian's suites, from bullseye to sid; it writes the table in docs/suites.md. It needs
# root, mmdebstrap, and a mirror: that of apt, or RELSTORE_TEST_MIRROR.
suites: $(STAMP)
	$(BIN)/python -m tests.systemd.suite_table

# Only makes the trees of the hosts, which stay in /var/cache/relstore-tests: make suite-trees SUITES="bullseye trixie"
SUITES ?=
suite-trees: $(STAMP)
	$(BIN)/python -m tests.support.hosts.suites $(SUITES)

# Cut-over on hosts with systemd, under load, with a job, a client and a host that go at every step; it writes the table
# in docs/cut-over.md. It takes two hours, and needs root, haproxy, nginx and strace. One part of it:
# make proof-cut-over PROOF="--front nginx --part story"
PROOF ?=
proof-cut-over: $(STAMP)
	$(BIN)/python -m tests.cut_over_proof $(PROOF)
	$(if $(PROOF),,RELSTORE_TEST_THOROUGH=1 $(BIN)/python -m pytest tests/systemd/test_slot_ports.py tests/systemd/test_user_slots.py tests/systemd/test_drain.py tests/systemd/test_shares.py tests/systemd/test_shared_socket.py)

# Rollouts over ten hosts with systemd behind HAProxy, under load, good and bad ones, and over forty sshds with a limit; it
# writes the table in docs/rollouts.md. It takes a quarter of an hour, and needs root and haproxy. One part of it:
# make proof-fleet PROOF="--part mixed"
proof-fleet: $(STAMP)
	$(BIN)/python -m tests.fleet_proof $(PROOF)
	$(if $(PROOF),,RELSTORE_TEST_THOROUGH=1 $(BIN)/python -m pytest tests/e2e/test_rollout_limit.py)

# All recipes of docs/recipes, word for word and with their own times; `make test` plays a few in a hurry. It needs root, and
# Debian's nginx, haproxy, caddy, golang-go, cargo, nodejs, postgresql and python3-psycopg2.
proof-recipes: $(STAMP)
	RELSTORE_TEST_THOROUGH=1 $(BIN)/python -m pytest tests/systemd/test_recipes.py

# The site of the documents, in site/, without a warning; then every link in it is followed.
DOCS := .venv-docs
docs:
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet
	$(DOCS)/bin/python docs/check_site.py site

# Pictures of the site in a real browser, in build/pictures, to look at. It needs chromium-headless-shell.
docs-pictures: $(STAMP) docs
	$(BIN)/python docs/look_at_site.py site

# The drawings of the diagrams, for the site; needs npm and chromium-headless-shell. After a change of a diagram.
MERMAID := 11.17.2
diagrams: $(STAMP)
	mkdir -p build
	cd build && npm pack --silent mermaid@$(MERMAID) && tar -xzf mermaid-$(MERMAID).tgz package/dist/mermaid.min.js
	$(BIN)/python docs/render_diagrams.py build/package/dist/mermaid.min.js

reference: $(STAMP)
	$(BIN)/python docs/generate_reference.py
	$(BIN)/python docs/generate_schemas.py
	$(BIN)/python docs/generate_man_pages.py

clean:
	rm -rf $(VENV) .venv-demo .venv-wheels .venv-sbom $(DOCS) site build/pictures .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
