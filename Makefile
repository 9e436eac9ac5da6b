# Bare `make` lists the targets. CI calls the same ones.

GO        ?= go
BIN       ?= bin/forebay
FUZZTIME  ?= 30s
BENCH     ?= .
BASE      ?= HEAD~1
KILLS     ?= 100
POINTS    ?= 10000
MESSAGES  ?= 1000000
DURATION  ?= 30m
FAULTS    ?= all
SEED      ?= 0
REPORT    ?=
WORK      ?= 10000
REQUESTS  ?= 10000

# The packages in which goroutines meet, or that must not be wrong: what `make race` watches.
CORE = ./internal/queue/... ./internal/broker/... ./internal/sqs/... ./internal/sigv4/... ./internal/access/... ./internal/server/... ./worker ./queued \
  ./internal/platform/... ./internal/backend ./internal/gateway ./internal/gather ./internal/sqsclient ./internal/straight ./internal/nonblock

# The packages whose tests cut the power.
TORTURED = $(shell grep -rl --include='*_test.go' 'torture\.points' internal | xargs -n1 dirname | sort -u | sed 's|^|./|')

export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the static binary into bin/
	$(GO) build -trimpath -ldflags='-s -w -buildid=' -o $(BIN) ./cmd/forebay

.PHONY: test
test: ## run the tests: no network, root or installed program needed
	$(GO) test ./...

.PHONY: race
race: ## run the core packages' tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race $(CORE)
	CGO_ENABLED=1 $(GO) test -race $(TORTURED) -torture.points=30

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (30s)
	@for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -rn1 dirname | sort -u); do \
	  for target in $$($(GO) test -list '^Fuzz' $$dir | grep '^Fuzz'); do \
	    echo "$$dir $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$dir || exit 1; \
	  done; done

.PHONY: bench
bench: ## run the benchmarks; compare two outputs with `go tool -modfile=tools/go.mod benchstat old new`
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count 6 ./internal/...

.PHONY: bench-compare
bench-compare: ## run the benchmarks here and in BASE (the commit before), turn by turn, and compare
	BASE='$(BASE)' BENCH='$(BENCH)' tools/bench-compare.sh

.PHONY: peers
peers: ## install other servers and give all the same work, for an hour (needs the internet; see docs/peers.md)
	$(GO) test -C bench/peers ./...
	bench/peers/run

.PHONY: lint
lint: ## gofmt, go vet and staticcheck
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "not gofmt-ed: $$files"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -C bench/peers ./...
	$(GO) tool -modfile=tools/go.mod staticcheck ./...
	bash -n bench/peers/run

.PHONY: cover
cover: ## measure what the tests reach, all packages together
	$(GO) test -coverpkg=./internal/...,./cmd/... -coverprofile=cover.out ./...
	$(GO) tool cover -func=cover.out | tail -n 1

.PHONY: e2e
e2e: ## test the built binary: the whole API, restarts, kill -9, a counted load
	$(GO) test -count=1 -v ./e2e

.PHONY: e2e-work
e2e-work: ## put WORK (10,000) messages through `forebay work`, with handlers killed, stopped and starved
	$(GO) test -count=1 -timeout 60m -v -run '^TestWork' ./e2e -work.messages=$(WORK)

.PHONY: interop
interop: ## install real clients into a scratch folder and run each against the server (needs the internet)
	interop/run.sh

.PHONY: torture
torture: ## the long versions: POINTS crash points, KILLS rounds of kill -9, a load of MESSAGES, REQUESTS through the gateway
	$(GO) test -count=1 -timeout 60m -v -run 'PowerCuts' $(TORTURED) -torture.points=$(POINTS)
	$(GO) test -count=1 -timeout 60m -v -run 'Kill|Load' ./e2e -kill.rounds=$(KILLS) -load.messages=$(MESSAGES)
	$(GO) test -count=1 -timeout 60m -v -run 'Gateway' ./e2e -gateway.requests=$(REQUESTS)

.PHONY: soak
soak: ## mixed load for DURATION with FAULTS (all, none, or some by name) on the built binary, judged all along; SEED, REPORT=folder
	$(GO) test -count=1 -timeout 0 -v -run '^TestSoak$$' ./e2e -soak.duration=$(DURATION) -soak.faults=$(FAULTS) \
	  -soak.seed=$(SEED) -soak.report=$(if $(REPORT),$(abspath $(REPORT)))

.PHONY: flood
flood: ## strangers flood the built binary for a minute from ten addresses, while honest clients work: docs/endurance.md
	$(GO) test -count=1 -timeout 10m -v -run '^TestFlood$$' ./e2e -flood.time=60s

.PHONY: deep
deep: ## deep and wide: 20 million waiting, a million groups, a flood, 10,000 queues, 10,000 long polls, 14 days
	$(GO) test -count=1 -timeout 0 -v -run '^TestDeep' ./e2e -deep
	$(GO) test -count=1 -timeout 0 -v -run '^TestRetention' ./internal/testkit/conformance -deep

.PHONY: browser
browser: ## sign the guestbook of the examples in a real browser (needs Debian's chromium)
	FOREBAY_BROWSER_TESTS=1 $(GO) test -count=1 -v -run '^TestBrowser' ./e2e

.PHONY: mutants
mutants: ## build the service with one mistake at a time: each must be found by the crash tests
	FOREBAY_MUTANTS=1 $(GO) test -count=1 -v -run Mutants ./internal/torture

.PHONY: verify
verify: ## what is committed is what the tools make: go.mod is tidy, the build is reproducible
	$(GO) mod tidy -diff
	$(GO) mod verify
	tools/reproducible.sh

.PHONY: clean
clean: ## remove what the targets made
	rm -rf bin dist cover.out
