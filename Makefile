# Every task of the project. `make help` lists them; a target's sentence is the comment behind it.

SHELL := bash
.DEFAULT_GOAL := help

GO ?= go
NPM ?= npm

# Where `make run` listens and keeps its documents.
ADDR ?= 127.0.0.1:8080
DATA ?= ./data

# How long `make fuzz` spends on each target, and in which packages it looks for targets.
FUZZTIME ?= 10s
FUZZPKG ?= ./...

# `make oracle` and `make crash`: the first seed (0: from the clock, printed) and how long to go on.
SEED ?= 0
DURATION ?= 60s

# `make test-check` leaves out what a check of all of the document after each keystroke makes quadratic.
CHECK_SKIP := Traces|Bounded|Quadratic|Hostile

# `make crash`: how often the server is killed.
ROUNDS ?= 50

# `make flips`: how many bits are flipped in each kind of file.
FLIPS ?= 1000

# Installed packages are younger than the lock file, or `npm ci` runs.
NODE_MODULES := web/node_modules/.package-lock.json

# The scripts in web/fixtures that write what real Yjs, lib0 and y-protocols do; each knows --check.
FIXTURES := generate lib0 awareness

# The browser of the end-to-end tests.
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome || echo /usr/bin/chromium)
export CHROMIUM

# Flags for the benchmark command, for example BENCHFLAGS="--engine-best 1 --cpuprofile cpu.prof".
BENCHFLAGS ?=

# Where the real histories come from.
TRACES_REPO ?= https://github.com/josephg/editing-traces

# The engines beside ours are installed once the lock file has changed.
PEER_MODULES := bench/peers/node_modules/.package-lock.json

# So are the servers. SQLite's binding is built, or fetched as a binary, when it is installed.
SERVER_MODULES := bench/servers/node_modules/.package-lock.json

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST) | sort

.PHONY: run
run: build ## Build weft and serve the web app on http://127.0.0.1:8080/ with its documents in ./data.
	./bin/weft dev --addr $(ADDR) --data $(DATA)

.PHONY: build
build: ## Build the binary into bin/weft; the web app inside it is the committed web/dist.
	$(GO) build -o bin/weft ./cmd/weft

.PHONY: test
test: lint web-deps ## Run everything that has to pass before a change lands: lint, Go tests, web tests, real clients, browser.
	WEFT_NEED_NODE=1 $(GO) test ./...
	$(MAKE) test-check
	$(MAKE) test-web

.PHONY: test-go
test-go: ## Run the Go tests; those that need Node run when web/node_modules is installed.
	$(GO) test ./...

.PHONY: test-check
test-check: ## Run the engine's tests with every invariant checked after each transaction, but for those about size.
	$(GO) test -tags weftcheck -skip '$(CHECK_SKIP)' ./crdt

.PHONY: test-race
test-race: ## Run the Go tests under the race detector.
	$(GO) test -race ./...

.PHONY: test-web
test-web: web-deps chromium beside build ## Run the web's unit tests, the real Yjs clients in Node, and the browser tests.
	cd web && $(NPM) test
	for generator in $(FIXTURES); do node web/fixtures/$$generator.mjs --check || exit 1; done
	cd web && WEFT_BIN=../bin/weft $(NPM) run clients
	cd web && WEFT_BIN=../bin/weft $(NPM) run e2e

.PHONY: lint
lint: ## Check formatting, vet and staticcheck.
	@unformatted="$$($(GO) list -f '{{.Dir}}' ./... | while read -r dir; do gofmt -l "$$dir"/*.go; done)"; \
	if [ -n "$$unformatted" ]; then echo "not formatted with gofmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (10s each) in the packages FUZZPKG (./...).
	@set -eo pipefail; mkdir -p bin; for pkg in $$($(GO) list $(FUZZPKG)); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "fuzz $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg | tee bin/fuzz.out || \
				{ grep -q 'context deadline exceeded' bin/fuzz.out && ! grep -q 'Failing input' bin/fuzz.out; }; \
		done; \
	done # the go command itself now and then reports its own deadline as a failure; nothing else passes

.PHONY: oracle
oracle: web-deps ## Compare the engine with real Yjs on random histories for DURATION (60s), starting at SEED.
	WEFT_NEED_NODE=1 WEFT_ORACLE_SEED=$(SEED) WEFT_ORACLE_DURATION=$(DURATION) \
		$(GO) test -count=1 -timeout 0 -v -run '^TestOracleLong$$' ./crdt

.PHONY: crash
crash: web-deps build ## Cut the power of the log for DURATION (60s) from SEED, kill the server ROUNDS (50) times while clients type; look for losses.
	WEFT_CRASH_SEED=$(SEED) WEFT_CRASH_DURATION=$(DURATION) $(GO) test -count=1 -timeout 0 -v -run '^TestCrash' ./storage
	cd web && WEFT_BIN=../bin/weft WEFT_CRASH_ROUNDS=$(ROUNDS) $(NPM) run crash
	cd web && WEFT_BIN=../bin/weft WEFT_CRASH_ROUNDS=$(ROUNDS) $(NPM) run crash -- --dialect hocuspocus
	cd web && $(NPM) run crash -- --control --rounds 5
	cd web && $(NPM) run crash -- --control --rounds 5 --dialect hocuspocus
	if [ -e $(SERVER_MODULES) ]; then cd web && $(NPM) run crash -- --beside --rounds 5; fi

.PHONY: flips
flips: ## Flip FLIPS (1000) bits in each kind of file of a data directory, and count what becomes of it.
	WEFT_FLIP_SEEDS=$(FLIPS) $(GO) test -count=1 -timeout 0 -v -run '^TestFlip' ./storage

.PHONY: campaign
campaign: ## Do at full size what the tests of the server do in small: slow readers, a storm of reconnections, 10,000 documents under a memory limit.
	@mkdir -p bin/campaign
	WEFT_CAMPAIGN=full WEFT_CAMPAIGN_DIR=$(CURDIR)/bin/campaign $(GO) test -count=1 -timeout 0 -v -run '^TestCampaign' ./server

.PHONY: bench
bench: bench-built ## Measure the engine beside Yjs, and servers beside each other on all scenarios, in small: under 15 minutes.
	@$(MAKE) --no-print-directory web-deps bench-servers || echo "bench: goes on with what is installed"
	$(GO) run ./bench/cmd/weftbench all $(BENCHFLAGS)

.PHONY: bench-engine
bench-engine: ## Measure the engine beside six others on all rows: a long table, Markdown, JSON and a picture.
	@$(MAKE) --no-print-directory web-deps bench-deps || echo "bench-engine: goes on with what is installed"
	$(GO) run ./bench/cmd/weftbench engine --engine-full $(BENCHFLAGS)

.PHONY: bench-deps
bench-deps: $(PEER_MODULES) ## Install the engines that ours is measured beside exactly as the lock file names them.

$(PEER_MODULES): bench/peers/package.json bench/peers/package-lock.json
	cd bench/peers && $(NPM) ci --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: bench-server
bench-server: bench-built ## Measure weft's server alone on all scenarios, at full size.
	$(GO) run ./bench/cmd/weftbench server --server-full --server-peers weft $(BENCHFLAGS)

.PHONY: bench-peers
bench-peers: bench-built ## Measure weft's server beside its peers and a relay on all scenarios, at full size: an hour.
	@$(MAKE) --no-print-directory bench-servers || echo "bench-peers: goes on with what is installed"
	$(GO) run ./bench/cmd/weftbench server --server-full $(BENCHFLAGS)

.PHONY: soak
soak: bench-built ## Load weft's server with a mixed day for DURATION (60s), and look whether it grows.
	$(GO) run ./bench/cmd/weftbench server --server-full --server-peers weft --server-scenarios soak --server-soak $(DURATION) $(BENCHFLAGS)

.PHONY: bench-compare
bench-compare: ## Compare two runs: BEFORE=report.json AFTER=report.json.
	$(GO) run ./bench/cmd/weftbench compare $(BEFORE) $(AFTER)

.PHONY: bench-built
bench-built: build bench-relay bench-slow ## Build what the benchmarks start.

.PHONY: bench-relay
bench-relay: ## Build the relay that is the floor under all servers into bin/relay.
	$(GO) build -o bin/relay ./bench/cmd/relay

.PHONY: bench-slow
bench-slow: ## Build weft on a slow disk, which the benchmarks measure too, into bin/slowweft.
	$(GO) build -o bin/slowweft ./bench/cmd/slowweft

.PHONY: bench-servers
bench-servers: $(SERVER_MODULES) ## Install the servers that ours is measured beside exactly as the lock file names them.

$(SERVER_MODULES): bench/servers/package.json bench/servers/package-lock.json
	cd bench/servers && $(NPM) ci --no-audit --no-fund
	@touch $@

.PHONY: traces
traces: ## Fetch real editing histories (about 10 MB) into .traces.
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	if ! GIT_TERMINAL_PROMPT=0 timeout 300 git clone -q --depth 1 $(TRACES_REPO) "$$tmp/repo"; then \
		echo "traces: could not fetch $(TRACES_REPO)." >&2; \
		echo "Without a network, put histories (*.json.gz) into a folder and name it: WEFT_TRACES=/path/to/them" >&2; \
		exit 1; \
	fi && \
	mkdir -p .traces && find "$$tmp/repo/sequential_traces" "$$tmp/repo/concurrent_traces" -maxdepth 1 -name '*.json.gz' -exec cp {} .traces/ ';' && \
	for name in automerge-paper friendsforever_flat; do \
		if [ ! -e .traces/$$name.json.gz ]; then \
			cp "$$tmp/repo/sequential_traces/ascii_only/$$name.json.gz" .traces/ || exit 1; \
		fi; \
	done && \
	echo "traces: $$(ls .traces/*.json.gz | wc -l) histories in .traces"

.PHONY: cover
cover: ## Write the coverage of each package by its own tests to bin/cover.out and print it.
	@mkdir -p bin
	$(GO) test -coverprofile bin/cover.out ./...
	$(GO) tool cover -func bin/cover.out | tail -n 1

.PHONY: web
web: web-deps ## Build the web app into web/dist, which is committed and embedded in the binary.
	cd web && $(NPM) run build

.PHONY: web-deps
web-deps: $(NODE_MODULES) ## Install the web's packages exactly as the lock file names them.

$(NODE_MODULES): web/package.json web/package-lock.json
	cd web && $(NPM) ci --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: chromium
chromium: ## Make sure there is a Chromium for the browser tests; as root on Debian, install it.
	@if [ -x "$(CHROMIUM)" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "no Chromium found: install one, or name it: make test CHROMIUM=/path/to/chromium" >&2; exit 1; fi; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium

.PHONY: beside
beside: ## Install nginx, Caddy and Prometheus, which stand beside a server; as root on Debian without systemd, else the tests of them are skipped.
	@lacking=""; for program in nginx caddy prometheus openssl; do command -v $$program >/dev/null || lacking="$$lacking $$program"; done; \
	if [ -z "$$lacking" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || [ -d /run/systemd/system ]; then \
		echo "beside: goes on without$$lacking"; exit 0; fi; \
	{ apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$lacking; } || \
		echo "beside: goes on without what apt-get did not install of$$lacking"

.PHONY: fixtures
fixtures: web-deps ## Regenerate the fixtures that real Yjs, lib0 and y-protocols wrote; a clean tree stays clean.
	for generator in $(FIXTURES); do node web/fixtures/$$generator.mjs || exit 1; done

.PHONY: clean
clean: ## Remove what was built or installed; documents in ./data stay.
	rm -rf bin web/node_modules bench/peers/node_modules bench/servers/node_modules web/test-results web/playwright-report
	$(GO) clean -testcache
