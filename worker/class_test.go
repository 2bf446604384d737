package worker_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/internal/weirtest"
	"weir/worker"
)

// classFlow is a derivation of the class form that depends on its state alone: it numbers the documents, holds each
// back until the transaction ends, and sums what they say.
func classFlow(members string) map[string]string {
	files := flow("stop", `import { IDerivation } from "flow/acmeCo/out";
export class Derivation extends IDerivation {
`+members+`
}
`)
	files["flow.yaml"] = strings.Replace(files["flow.yaml"], "properties: {id: {type: string}}", "properties: {id: {type: string}, nth: {type: integer}, sum: {type: integer}}", 1)
	return files
}

const summing = `
  constructor(open) {
    super(open);
    this.nth = open.state.nth ?? 0;
    this.sum = open.state.sum ?? 0;
    this.held = [];
  }
  fromIn({ doc }) {
    this.nth++;
    this.sum += doc.n;
    this.held.push({ id: doc.id, nth: this.nth, sum: this.sum });
    return [];
  }
  async flush() {
    const held = this.held;
    this.held = [];
    return held;
  }
  startCommit({ runtimeCheckpoint }) {
    return { state: { updated: { nth: this.nth, sum: this.sum, read: runtimeCheckpoint }, mergePatch: true } };
  }`

// TestClassKilled kills the worker's process at each point of a commit: the state comes back as of the last commit,
// so that each document has been counted once.
func TestClassKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills many processes")
	}
	s, dir := weirtest.Server(t), t.TempDir()
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, classFlow(summing)))
	next := 0
	ingest := func(n int) {
		var documents []string
		for range n {
			documents = append(documents, fmt.Sprintf(`{"id":"%d","n":%d}`, next, next%7))
			next++
		}
		weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], documents...)
	}
	for _, point := range []string{"claim.marker 1", "claim.restored 1", "stage.after 2", "commit.before 2", "commit.after 2", "flush.before 1", "flush.after 1", "commit.after 1"} {
		child := weirtest.StartChild(t, "worker", envURL+"="+s.URL(), envDir+"="+dir, envPoint+"=acmeCo/out "+point)
		deadline := time.Now().Add(weirtest.Patience)
		for !child.Ended(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the child never came to %q:\n%s", point, child.Output())
			}
			ingest(30)
		}
	}
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	ingest(1500) // more than one transaction holds
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	in, out := weirtest.Documents(t, conn, "acmeCo/in"), weirtest.Documents(t, conn, "acmeCo/out")
	if len(in) != next || len(out) != next {
		t.Fatalf("%d documents in, %d read, %d derived", next, len(in), len(out))
	}
	sum, seen := 0, map[int]bool{}
	want := map[string]string{}
	for i, m := range in {
		var doc struct {
			ID string
			N  int
		}
		if err := json.Unmarshal(m.Data, &doc); err != nil {
			t.Fatal(err)
		}
		sum += doc.N
		want[doc.ID] = fmt.Sprintf("%d %d", i+1, sum)
	}
	for _, m := range out {
		var doc struct {
			ID       string
			Nth, Sum int
		}
		if err := json.Unmarshal(m.Data, &doc); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d %d", doc.Nth, doc.Sum); got != want[doc.ID] || seen[doc.Nth] {
			t.Fatalf("document %s is number and sum %s, not %s", doc.ID, got, want[doc.ID])
		}
		seen[doc.Nth] = true
	}
}

// TestClassFails checks what the status says of failures at the end of a transaction, and that what came before is
// committed.
func TestClassFails(t *testing.T) {
	for _, test := range []struct{ name, members, code, want string }{
		{"flush throws", "fromIn({ doc }) { this.bad ||= doc.id === 'bad'; return doc }\n  flush() { if (this.bad) throw new Error('no') }", "module", "out.js:4:33: flush: Error: no"},
		{"a large state", "fromIn({ doc }) { this.bad ||= doc.id === 'bad'; return doc }\n  startCommit() { return { state: { updated: this.bad ? 'x'.repeat(5e6) : 0 } } }", "state-too-large", "the class's state takes 5000002 bytes"},
		{"many documents", "fromIn({ doc }) { this.bad ||= doc.id === 'bad'; return doc }\n  flush() { return this.bad ? Array.from({ length: 4100 }, (_, i) => ({ id: 'x' + i })) : [] }", "too-many-outputs", "gives 4100 outputs"},
		{"an invalid document", "fromIn({ doc }) { this.bad ||= doc.id === 'bad'; return doc }\n  flush() { return this.bad ? [{ id: 7 }] : [] }", "invalid-document", "/id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := weirtest.Connect(t, weirtest.Server(t))
			c := weirtest.Publish(t, conn, weirtest.Files(t, classFlow(test.members)))
			weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`, `{"id":"b"}`, `{"id":"bad"}`, `{"id":"c"}`)
			o := weirtest.Options(t, conn, t.TempDir())
			o.Limits.Attempts = 1
			w, _ := weirtest.Run(t, o)
			s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
			if string(s.Why.Code) != test.code || !strings.Contains(s.Why.Message, test.want) || s.Why.Fix == "" {
				t.Errorf("status: %+v", s.Why)
			}
		})
	}
}
