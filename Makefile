# What this project can do: make help

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS := -X main.version=$(VERSION) -X main.commit=$(COMMIT)
TOOL    := go tool -modfile=tools.mod
# By version, not in tools.mod: it would bring 40 modules to lint that nothing else needs.
SBOM    := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
# Brings a PostgreSQL of the test run's own and throws it away afterwards. exec, here and below, as devdb ends with the
# process that started it: that is to be make, not a shell between.
WITH_DB := exec ./bin/devdb -throwaway -env TEST_DATABASE_URL --

.DEFAULT_GOAL := help
.PHONY: help init resource upgrade run dev test test-faults test-template test-ops test-clients bench-micro fuzz build dist psql db-reset migration lint format vuln

# What make help groups: a target belongs to the last group above it.

##@ Everyday
help: ## show this list
	@awk -F ':.*## ' '/^##@ /{group = substr($$0, 5); if (!(group in of)) order[++n] = group} \
		/^[a-z-]+:.*## /{of[group] = of[group] sprintf("  make %-13s %s\n", $$1, $$2)} \
		END {for (i = 1; i <= n; i++) printf "%s%s\n%s", (i > 1 ? "\n" : ""), order[i], of[order[i]]}' $(MAKEFILE_LIST)

##@ Template
# Of the command line alone: some systems have a NAME in the environment.
given = $(if $(filter command,$(firstword $(origin $(1)))),"$$$(1)","")

init: bin/template ## name a fresh clone: MODULE=example.org/you/notes [NAME=notes] [HOLDER="Your name"]
	@./bin/template init $(call given,MODULE) $(call given,NAME) $(call given,HOLDER)

resource: bin/template ## begin a resource, its table, model, handlers, tests and routes: NAME=note [PLURAL=notes]
	@./bin/template resource $(call given,NAME) $(call given,PLURAL)

# Each of CHECKS, a target, runs on a copy of this tree that has the new version; PKG narrows the tests, as it does for test.
# exec, as a shell between would not tell the program that make has been ended.
CHECKS := lint test
upgrade: bin/template ## take a later version of the template, or change nothing: FROM=path-or-URL[@ref] [DRY_RUN=1] [KEEP=1]
	@exec ./bin/template upgrade $(call given,FROM) "$$DRY_RUN" $(call given,KEEP) "$(CHECKS)"

# example
.PHONY: drop-example
drop-example: bin/template ## take the example, items, away
	@./bin/template drop
# /example

##@ Everyday
run: bin/api bin/devdb ## serve on http://127.0.0.1:8080; starts a PostgreSQL if DATABASE_URL is not set
	@exec ./bin/devdb -- ./bin/api

dev: bin/devdb bin/dev ## run, and build and restart whenever a file changes; the database stays
	@exec ./bin/devdb -- ./bin/dev .ci/progress go build -ldflags '$(LDFLAGS)' -o bin/api ./cmd/api -- ./bin/api

# In CI a program that a test needs and does not find is a failure. Most tests wait for PostgreSQL, a lock or a process,
# so six of a package run at once, however few the cores.
PKG := ./...
test: bin/devdb ## run every test, with the race detector, against a real PostgreSQL; PKG=./internal/models for one package
	@missing="$$(.ci/missing | xargs)"; [ -z "$$missing" ] || [ -n "$(CI)" ] || \
		echo "not tested here, as it is not installed: $$missing (on Debian: apt-get install $$missing)"
	@export TEST_SKIP_MISSING=$(if $(CI),,1); $(WITH_DB) go test -race -parallel 6 $(PKG)

##@ Test
test-faults: bin/devdb ## run the slow tests: crashes, cut lines, overload, leaks; and sessions on a pool of one connection
	@$(WITH_DB) go test -race -p 1 -tags faults -run Fault -timeout 20m ./internal/db ./cmd/api
	@export TEST_DB_POOL_SIZE=1; $(WITH_DB) go test -race -run 'Session|AfterCommit' ./internal/db ./internal/web/app

test-template: bin/devdb ## test what init and resource do to copies of this tree, and what is left without the example
	@$(WITH_DB) go test -tags template -timeout 20m ./cmd/template

test-ops: ## read Dockerfile, compose.yaml and ops/k8s as their tools do; the first time this takes minutes
	@cd ops/validate && go test ./...

test-clients: bin/api bin/devdb ## have linters and generated clients, in Go and TypeScript, read /openapi.json and use the service
	@exec ./bin/devdb -throwaway -env DATABASE_URL -- clients/run

# example
.PHONY: test-bench bench
test-bench: bin/devdb ## test the programs of make bench
	@$(WITH_DB) go -C bench test ./...

bench: bin/devdb build ## compare with others that do the same, side by side, and write docs/performance.md; ARGS=-quick in 2 minutes, ARGS=-growth a million rows, ARGS=-model docs/scaling.md
	@go -C bench build -o ../bin/bench .
	@$(WITH_DB) ./bin/bench $(ARGS)

##@ Operate
.PHONY: ha test-ha bin/ha
ha: bin/api bin/ha ## run three PostgreSQL nodes, HAProxy and three instances under load, and kill the leader: docs/scaling.md
	@./bin/ha $(ARGS)

##@ Test
test-ha: bin/api ## test failover, rolling restarts and PgBouncer on such a cluster, in 4 minutes; needs what make ha needs
	@go test -tags ha -timeout 10m -count 1 -v -run HA ./ops/ha
bin/ha:
	@go build -o $@ ./ops/ha
# /example

bench-micro: bin/devdb ## run the Go benchmarks, with allocations; for benchstat: ARGS='-count 10'
	@$(WITH_DB) go test -run '^$$' -bench . -benchmem $(ARGS) ./internal/...

fuzz: bin/devdb ## fuzz the decoder, the cursor, the query parser and the reader of SQL, 20 s each
	@$(WITH_DB) sh -c 'for package in ./internal/web ./internal/handlers ./internal/db; do \
		for target in $$(go test -list "^Fuzz" $$package | grep ^Fuzz); do \
			go test -run "^$$" -fuzz "^$$target$$" -fuzztime 20s $$package || exit 1; done; done'

##@ Operate
build: ## build the static production binary, bin/api
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w $(LDFLAGS)' -o bin/api ./cmd/api

PLATFORMS := linux-amd64 linux-arm64
dist: ## build for every platform into bin/dist, with checksums and a bill of materials
	@rm -rf bin/dist && mkdir -p bin/dist
	@for p in $(PLATFORMS); do CGO_ENABLED=0 GOOS=$${p%-*} GOARCH=$${p#*-} go build -trimpath \
		-ldflags '-s -w $(LDFLAGS)' -o bin/dist/api-$$p ./cmd/api || exit 1; done
	@go run $(SBOM) bin -json -version "$(VERSION)" -output bin/dist/api.cdx.json bin/dist/api-linux-amd64
	@cd bin/dist && { sha256sum * 2>/dev/null || shasum -a 256 *; } >../SHA256SUMS && mv ../SHA256SUMS .

##@ Everyday
psql: bin/devdb ## open psql on the database that make run uses
	@exec ./bin/devdb -- sh -c 'exec psql "$$DATABASE_URL"'

# example
.PHONY: seed bin/seed
seed: bin/devdb bin/seed ## add N=1000 made-up items to that database, or to the one that DATABASE_URL names
	@exec ./bin/devdb -- ./bin/seed $(call given,N)
bin/seed:
	@go build -o $@ ./cmd/seed
# /example

db-reset: bin/devdb ## empty that database; one that DATABASE_URL names is never touched
	@exec ./bin/devdb -- .ci/db-reset

migration: ## begin a migration: NAME=create_notes
	@.ci/migration $(call given,NAME)

# A module within the module, as bench is, is not in what gonew copies.
lint: ## check format, vet, staticcheck, who imports whom, the documents' links, and that the module files are tidy
	@test -z "$$($(TOOL) gofumpt -l . | grep -v "^clients/generated/" | tee -a /dev/stderr)" || { echo "run: make format"; exit 1; }
	go vet -tags faults,template,ha ./...
	$(TOOL) staticcheck -tags faults,template,ha ./...
	@[ ! -d bench ] || { set -x; cd bench && go vet ./... && go tool -modfile=../tools.mod staticcheck ./...; }
	$(TOOL) actionlint -shellcheck= -pyflakes=
	./.ci/imports
	./.ci/links
	./.ci/tidy

##@ Test
vuln: ## look for known vulnerabilities in what is linked
	$(TOOL) govulncheck ./...

.PHONY: screenshots
##@ Template
screenshots: bin/devdb ## take the pictures of the README anew, by Chromium and Prometheus
	@$(WITH_DB) go test -count 1 -run 'Screenshots|DashboardShows' ./cmd/api -update

##@ Everyday
format: ## format the code
	$(TOOL) gofumpt -w .

.PHONY: bin/api bin/dev bin/devdb bin/template
bin/api:
	@.ci/progress go build -ldflags '$(LDFLAGS)' -o $@ ./cmd/api
bin/dev:
	@go build -o $@ ./cmd/dev
bin/devdb:
	@go build -o $@ ./cmd/devdb
bin/template:
	@go build -o $@ ./cmd/template
