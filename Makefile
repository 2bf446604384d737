# `make` alone prints what there is. CI (.ci/run) runs the same commands.

GO ?= go
# Seconds for each fuzz test of `make fuzz`.
FUZZTIME ?= 60s
# A checkout of the official JSON Schema Test Suite, of which Weir holds nothing.
SUITE ?= ../JSON-Schema-Test-Suite

.PHONY: help build test race lint bench fuzz suite

help: ## print the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "%-7s %s\n", $$1, $$2 }'

build: ## build the binary ./weir
	$(GO) build -trimpath -o weir ./cmd/weir

test: ## run all tests, with what they need beside Go installed where it can be
	.ci/setup
	$(GO) test ./...

race: ## run all tests with the race detector, in random order
	$(GO) test -race -shuffle=on ./...

lint: ## gofmt, vet and golangci-lint, the latter at CI's version
	.ci/lint

bench: ## measure Weir against its limits
	$(GO) run ./bench

fuzz: ## run each fuzz test for FUZZTIME
	@$(GO) list ./... | while read -r package; do \
		$(GO) test -list '^Fuzz' "$$package" | grep '^Fuzz' | while read -r name; do \
			echo "== $$package $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
		done || exit 1; \
	done

suite: ## give each case of the JSON Schema Test Suite in SUITE v5's verdict
	$(GO) test ./schema -count 1 -v -run '^TestSuite$$' -schema.suite '$(abspath $(SUITE))'
