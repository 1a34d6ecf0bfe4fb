# The two commands of the README are `make run` and `make test`; each does all its own set-up.
GO      ?= go
BIN     := bin
LDFLAGS := -s -w -X main.version=$(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: run build test check vet lint licences generated faults fuzz race bench ledger-bench rules kafka clean

run: ## start the demo: embedded Kafka and PostgreSQL, a worker, real traffic (ARGS="--for 60s")
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/...
	@exec $(BIN)/tracetally-demo $(ARGS)

build: ## both programs into bin/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/...

test: ## every test that needs no second service (Kafka is in process, PostgreSQL is started by the tests)
	$(GO) test -timeout 8m ./...

check: vet lint generated licences ## what a change must pass besides its tests

vet:
	$(GO) vet ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt'ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }

lint: ## golangci-lint, pinned in internal/tools/go.mod
	$(GO) tool -modfile=internal/tools/go.mod golangci-lint run

generated: ## generated files are what their generators make
	$(GO) test -run 'UpToDate' ./...

faults: ## the long form of the kill test: KILLS=40 workers killed while traffic flows, then every figure compared
	TRACETALLY_KILLS=$(or $(KILLS),40) TRACETALLY_SEED=$(SEED) $(GO) test -count=1 -timeout 30m -v -run TestKilledWorkers ./internal/pipeline

# The tests that run on either Kafka, in files of that name. -p 1: one broker at a time beside PostgreSQL.
KAFKA_JARS := $(CURDIR)/$(BIN)/kafka-4.1.0
kafka: ## the same tests against a real Apache Kafka 4.1 (Java and Maven are installed on Debian if missing; jars go to bin/)
	@.ci/need java:openjdk-17-jre-headless mvn:maven
	@test -e $(KAFKA_JARS)/slf4j-simple-1.7.36.jar || mvn -q -B -f internal/kafkatest/apache/pom.xml dependency:copy-dependencies -DoutputDirectory=$(KAFKA_JARS)
	TRACETALLY_TEST_KAFKA=apache TRACETALLY_KAFKA_JARS=$(KAFKA_JARS) $(GO) test -count=1 -p 1 -timeout 15m \
		-run "^($$(grep -rhoP '^func \KTest[A-Z]\w+' --include='*_either_test.go' . | paste -sd'|'))$$" ./internal/kafkatest ./consumer ./internal/pipeline

fuzz: ## each fuzz target for FUZZTIME=30 seconds, FUZZJOBS=2 at a time; what makes one fail stays in testdata/fuzz
	@FUZZTIME=$(FUZZTIME) FUZZJOBS=$(FUZZJOBS) .ci/fuzz

race: ## the concurrent parts under the race detector
	$(GO) test -race -short -timeout 15m ./consumer/... ./sink/... ./alerts/... ./internal/pipeline/...

bench: ## CPU per event, memory and rate against a worker written by hand, on the same bytes (ARGS="-paced 10000" for delays)
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/tracetally ./internal/bench
	@exec $(BIN)/bench -worker $(BIN)/tracetally $(ARGS)

rules: ## alert rules: promtool's tests at two paces, each rule broken in every way and noticed, and a real Prometheus at a real worker
	@.ci/need promtool:prometheus prometheus:prometheus
	$(GO) run ./internal/rulecheck
	$(GO) test -count=1 -timeout 10m -tags rules -run TestRulesInPrometheus ./internal/pipeline

ledger-bench: ## what a row of the ledger costs the server, up to 50 million: 40 GB of disk, a quarter of an hour (ARGS="-rows 400k -step 100k -shared-buffers 128MB" to try it)
	@$(GO) build -trimpath -o $(BIN)/ ./internal/ledgerbench
	@exec $(BIN)/ledgerbench $(ARGS)

licences: ## every module that is linked has a licence that Apache-2.0 may carry
	$(GO) run ./internal/licences

clean:
	rm -rf $(BIN)
