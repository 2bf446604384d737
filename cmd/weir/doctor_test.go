package main

import (
	"encoding/json"
	"strings"
	"testing"

	"weir/doctor"
)

// The doctor prints findings with what to do, and ends with 4 when one fails.
func TestDoctor(t *testing.T) {
	url := published(t, talking)
	if got := succeed(t, "", "doctor", "--nats", url, "--max-batch", "4000"); !strings.Contains(got, "ok    permissions     this user may publish to all that Weir needs\n") ||
		!strings.Contains(got, "warn  workers         no worker is alive\n") || !strings.Contains(got, "          fix start `weir up` or `weir serve`\n") ||
		!strings.Contains(got, "COLLECTION  MESSAGES  BYTES  BYTES A DAY  QUARANTINED  REPLICAS\n") {
		t.Errorf("without a worker:\n%s", got)
	}
	serve := start(t, "serve", "--nats", url, "--data", t.TempDir())
	serve.await(t, "ready")
	succeed(t, `{"id":"y","n":13}`+"\n", "ingest", "a/counts", "--nats", url)
	serve.await(t, "failed derivation a/talks")
	o := weir(t, "", "doctor", "-o", "json", "--nats", url)
	var report doctor.Report
	if err := json.Unmarshal([]byte(o.out), &report); err != nil || o.code != exitNo || report.Worst() != doctor.Fail || !strings.Contains(o.problems, "findings are failures") {
		t.Errorf("with a task that failed: %+v, %v", o, err)
	}
	if o := weir(t, "", "doctor", "--nats", "nats://127.0.0.1:1"); o.code != exitEnvironment {
		t.Errorf("without a server: %+v", o)
	}
}
