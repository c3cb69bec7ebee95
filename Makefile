# `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh

GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION   := v1.9.0
AXE_VERSION           := 4.14.1
# Relative paths, since the checkout's own may hold spaces, which make cannot quote.
GOLANGCI_LINT := bin/golangci-lint-$(GOLANGCI_LINT_VERSION)
GOVULNCHECK   := bin/govulncheck-$(GOVULNCHECK_VERSION)
AXE := .axe/$(AXE_VERSION)/node_modules/axe-core/axe.min.js

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: ## Install what is missing, and serve with an embedded PostgreSQL and Redis
	@go build -o bin/prefab .
	@settings=$$(bin/prefab config) && set -f && app/devservices/install.sh $$(echo "$$settings" | \
		sed -n 's/^DATABASE_URL=$$/postgres/p; s/^REDIS_URL=$$/redis?/p') # what the settings leave out is ours
	@exec bin/prefab serve

.PHONY: dev
dev: ## Serve as run does, and replace the running code at each save, without losing a request
	@go build -o bin/devloop ./app/devloop
	@exec bin/devloop

.PHONY: init
init: ## Give the project a name: MODULE=github.com/acme/shop [NAME=shop] [BARE=1: without the sample]
	@MODULE="$(MODULE)" NAME="$(if $(findstring command,$(origin NAME)),$(NAME))" TITLE= BARE="$(BARE)" app/scaffold/init.sh

.PHONY: upgrade
upgrade: ## Bring Prefab's packages to a newer version: FROM=<clone or git address> [TO=tag] [DRY=1]
	@FROM="$(FROM)" TO="$(TO)" DRY="$(DRY)" app/scaffold/upgrade.sh

# The first package is the root: tests of the program as a process.
PACKAGES = $$(go list ./... | tail -n +2)

# With -p 4, since tests wait more than they compute.
.PHONY: test
test: ## Test what a change needs, against real servers: all packages, and one start of the program
	@app/devservices/install.sh postgres redis 'pgbouncer?' 'wrk?'
	go vet ./...
	go test -race -p 4 -timeout 15m -skip '^Test(Browser|Topology)_' $(PACKAGES)
	go test -race -timeout 5m -run '^TestSmoke' .

.PHONY: test-quick
test-quick: ## Test while you type: packages alone, without the race detector
	@app/devservices/install.sh postgres redis
	@go test -short -p 4 $$(go list ./... | grep -vE '^[^/]+/[^/]+(/app)?$$')

.PHONY: test-rest
test-rest: ## Test the rest: processes, faults, the browser, each topology, HTTP caching's rules, a short soak
	@app/devservices/install.sh postgres redis 'pgbouncer?' 'nginx?' chromium 'npm?'
	@$(MAKE) --no-print-directory $(AXE) || { test -z "$$CI" || exit 1; \
		echo "prefab: WARNING: axe-core cannot be had; going on without it" >&2; }
	go test -race -timeout 20m . # by itself: faults and drains, which a busy machine would hide among its own
	@$(MAKE) --no-print-directory -j 2 test-browser test-others

.PHONY: test-browser test-others
test-browser:
	go test -race -timeout 15m -run '^Test(Browser|Topology)_' ./app $(wildcard ./app/console)
test-others:
	go test -tags soak -short -timeout 10m -run TestSoak ./app
	test ! -d app/otel || { go vet -tags otel ./... && go test -race -timeout 5m -tags otel ./app/otel; }
	@test -z "$$CI$$(command -v npm)" || $(MAKE) --no-print-directory conformance
# region sample
	cd bench && go vet ./... && go test ./...
# endregion

.PHONY: test-all
test-all: test test-rest ## Test everything, as CI does

.PHONY: lint
lint: $(GOLANGCI_LINT) $(GOVULNCHECK) ## Run the linters and look for known vulnerabilities
	$(GOLANGCI_LINT) run
	test ! -d app/otel || $(GOLANGCI_LINT) run --build-tags otel ./app/otel ./app/server
# region sample
	cd bench && ../$(GOLANGCI_LINT) run
# endregion
	@$(GOVULNCHECK) ./... || { status=$$?; \
		if [ $$status -eq 3 ]; then exit 3; fi; \
		echo "govulncheck did not run: its database cannot be had here. Nothing is known about vulnerabilities." >&2; }

# region sample
.PHONY: bench
bench: ## Measure against plain Fiber, and write docs/performance.md (BENCHFLAGS=-help)
	@app/devservices/install.sh postgres redis wrk
	cd bench && go run . $(BENCHFLAGS)

# endregion
.PHONY: microbench
microbench: ## Run the benchmarks of packages; compare ratios within one run, not times
	@app/devservices/install.sh postgres redis
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: fuzz
fuzz: ## Fuzz every parser of input, each for FUZZTIME (20s)
	@for file in $$(grep -rlE '^func Fuzz' --include='*_test.go' .); do \
		for target in $$(grep -oE '^func Fuzz[A-Za-z]+' $$file | cut -c6-); do \
			go test $${file%/*} -run '^$$' -fuzz "^$$target\$$" -fuzztime $${FUZZTIME:-20s} || exit 1; done; done

.PHONY: conformance
conformance: ## Test the HTTP cache with the public conformance suite (needs node and npm)
	@app/devservices/install.sh redis
	npm install --no-save --no-audit --no-fund --ignore-scripts --prefix .conformance http-cache-tests@0.4.5
	HTTP_CACHE_TESTS="$$PWD/.conformance/node_modules/http-cache-tests" \
		go test -tags conformance -run TestCache_Conforms -v ./middleware/httpcache

.PHONY: soak
soak: ## Send 100,000 requests and see that memory and goroutines stay flat
	@app/devservices/install.sh postgres redis
	go test -tags soak -run TestSoak -v -timeout 30m ./app

.PHONY: faults
faults: ## Break the connections to PostgreSQL and Redis in each way, for FAULTTIME (30s), under load
	@app/devservices/install.sh postgres redis
	go test . -run TestFaults -v -timeout 30m -args -faults=$${FAULTTIME:-30s}

.PHONY: screenshots
screenshots: ## Take the pictures of docs/screenshots anew
	@app/devservices/install.sh postgres redis chromium
	go test ./app $(wildcard ./app/console) -count 1 -tags screenshots -run TestScreenshots -v

.PHONY: clean
clean: ## Remove what was built or fetched, and .data
	rm -rf bin .axe .conformance .data

$(GOLANGCI_LINT):
	GOBIN="$$PWD/bin" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv bin/golangci-lint $@

$(GOVULNCHECK):
	GOBIN="$$PWD/bin" go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	mv bin/govulncheck $@

$(AXE): # judges whether pages keep people out; browser tests load it
	npm install --prefix .axe/$(AXE_VERSION) --no-save --no-audit --no-fund --ignore-scripts axe-core@$(AXE_VERSION)
