# The one front door for people and CI. `make` alone prints the list.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

MODULES  := proto services/platform services/directory services/intake services/plans services/booking gateway deploy/upright
TOOLS    := tools/buf tools/protoc tools/protodeps tools/lint tools/testenv tools/bench tools/openapi tools/screenshots
BIN      := $(CURDIR)/.bin
RETRY    := $(CURDIR)/.ci/retry
GO_TOOL  := GOWORK=off GOBIN=$(BIN) $(RETRY) go
LISTEN   ?= 127.0.0.1:8080
FUZZTIME ?= 60s

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build and start the demo clinic on port 8080
	$(BIN)/upright demo --listen $(LISTEN)

.PHONY: test
test: modules testenv web ## Run every test: SQLite, PostgreSQL, a real NATS server, a real browser
	$(BIN)/testenv --postgres --chromium -- go test -timeout 15m work

.PHONY: lint
lint: $(BIN)/golangci-lint ## Lint every module
	@for m in $(MODULES); do echo "lint $$m"; (cd $$m && $(BIN)/golangci-lint run --allow-parallel-runners ./...); done

.PHONY: walls
walls: ## Build each module alone, so that a forbidden import has no require to lean on
	@for m in $(MODULES); do echo "walls $$m"; (cd $$m && export GOWORK=off && $(RETRY) go list -deps -test ./... >/dev/null && go build ./... && go vet ./...); done

.PHONY: generate
generate: tools-proto ## Make the Go code and the OpenAPI document from the protos
	rm -rf proto/gen/go proto/gen/openapi third_party/proto
	GOWORK=off $(RETRY) go -C tools/protodeps run . $(CURDIR)/third_party/proto
	$(BIN)/buf format --write proto
	$(BIN)/buf lint
	$(BIN)/buf generate --template proto/buf.gen.yaml
	.ci/openapi $(BIN) proto/gen/openapi
	go run ./services/intake/internal/ruledoc > docs/rules/triage.md
	cp services/plans/internal/injection/testdata/injection_limit.txt services/plans/internal/plan/testdata/plan_limits.txt services/plans/internal/medication/testdata/medicine_rules.txt services/plans/internal/referral/testdata/referrals.txt docs/rules/

.PHONY: verify
verify: generate ## Fail when generated code, formatting or go.mod files are stale
	@for m in $(MODULES); do (cd $$m && GOWORK=off $(RETRY) go mod tidy -diff >/dev/null) || { echo "$$m: go.mod or go.sum is stale; run go mod tidy there"; exit 1; }; done
	@test -z "$$(git status --porcelain)" || { echo "generated files are stale:"; git status --short; exit 1; }
	@echo "verify: generated code and modules are current"

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (60s)
	.ci/fuzz $(FUZZTIME) $(MODULES)

.PHONY: bench
bench: build testenv ## Measure beside the floor, at scale, as it grows and on PostgreSQL; BENCH=-check fails on a missed goal
	GOWORK=off go -C tools/bench build -o $(BIN)/ . ./cmd/limits ./cmd/load
	$(BIN)/testenv --postgres -- $(BIN)/bench -upright $(BIN)/upright -limits $(BIN)/limits $(BENCH)
	@$(MAKE) --no-print-directory bench-claims

.PHONY: bench-claims
bench-claims: testenv ## Measure the claims of a plan's sessions on both databases
	$(BIN)/testenv --postgres -- go test ./services/plans -run '^$$' -bench ClaimSessions -benchtime 480x

.PHONY: soak
soak: testenv ## The long fault tests: full kill counts (hours)
	UPRIGHT_SOAK=1 $(BIN)/testenv --postgres --chromium -- go test -timeout 6h -run 'Kill|Linearizable' work

.PHONY: build
build: web ## Build the programs into .bin
	go build -trimpath -o $(BIN)/ ./deploy/upright ./services/directory/cmd/directoryd ./services/intake/cmd/intaked ./services/plans/cmd/plansd ./services/booking/cmd/bookingd ./gateway/cmd/gatewayd

.PHONY: dev
dev: build ## Start the demo clinic with pages read from disk
	$(BIN)/upright demo --listen $(LISTEN) --dev gateway/web

.PHONY: screenshots
screenshots: build ## Take the README's pictures from a demo clinic
	GOWORK=off go -C tools/screenshots build -o $(BIN)/screenshots .
	$(BIN)/screenshots -upright $(BIN)/upright -chromium $${UPRIGHT_TEST_CHROMIUM:-/usr/bin/chromium} -out docs/screenshots

.PHONY: clean
clean: ## Remove what was built
	rm -rf .bin .cache third_party gateway/web/app/node_modules coverage
	find gateway/web/dist -mindepth 1 ! -name .keep -delete

# The richer staff screens need Node; everything else does without.
.PHONY: web
web:
	@if command -v npm >/dev/null; then .ci/web gateway/web/app; else echo "Node is not installed: building without the richer staff screens; every plain page works."; fi

# What the tests are built from comes over the network the first time.
.PHONY: modules
modules:
	@$(RETRY) go list -deps -test work >/dev/null

.PHONY: testenv
testenv:
	@GOWORK=off $(RETRY) go -C tools/testenv build -o $(BIN)/testenv .

.PHONY: tools-proto
tools-proto: $(BIN)/buf $(BIN)/protoc-gen-go

$(BIN)/buf: tools/buf/go.mod
	$(GO_TOOL) -C tools/buf install tool
	@touch $@

$(BIN)/protoc-gen-go: tools/protoc/go.mod
	$(GO_TOOL) -C tools/protoc install tool
	@touch $@

$(BIN)/golangci-lint: tools/lint/go.mod
	$(GO_TOOL) -C tools/lint install tool
	@touch $@
