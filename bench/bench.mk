# Benchmarks and the editing histories they replay. bench/METHOD.md says what is measured and how.

# Flags for the benchmark command, for example BENCHFLAGS="--engine-best 1 --cpuprofile cpu.prof".
BENCHFLAGS ?=

# Where the real histories come from.
TRACES_REPO ?= https://github.com/josephg/editing-traces

# The engines beside ours are installed once the lock file has changed.
PEER_MODULES := bench/peers/node_modules/.package-lock.json

# So are the servers. SQLite's binding is built, or fetched as a binary, when it is installed.
SERVER_MODULES := bench/servers/node_modules/.package-lock.json

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
bench-built: build bench-relay ## Build what the benchmarks start.

.PHONY: bench-relay
bench-relay: ## Build the relay that is the floor under all servers into bin/relay.
	$(GO) build -o bin/relay ./bench/cmd/relay

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
