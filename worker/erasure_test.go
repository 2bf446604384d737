package worker_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/collection"
	"weir/controlplane"
	"weir/controlplane/erasure"
	"weir/document"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/journal/server"
	"weir/worker"
)

// keptFlow keeps the last secret of each person in a register, and derives how
// many there were.
func keptFlow() map[string]string {
	return map[string]string{
		"flow.yaml": `
collections:
  acmeCo/people:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, secret: {type: string}}}
  acmeCo/kept:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, n: {type: integer}}}
    derive:
      using: {javascript: {module: kept.js}}
      register: {schema: {type: object}, initial: {n: 0}}
      transforms: [{name: fromPeople, source: acmeCo/people, shuffle: {key: [/id]}}]
`,
		"kept.js": "export function fromPeople({ doc, register }) {\n  register.set({ n: register.value.n + 1, secret: doc.secret });\n  return { id: doc.id, n: register.value.n };\n}\n",
	}
}

// erasing is a derivation with registers, and a server whose files can be searched.
type erasing struct {
	*testing.T
	server *server.Server
	store  string
	conn   *journal.Conn
	dir    string
	people func(documents ...string)
}

func newErasing(t *testing.T) *erasing {
	e := &erasing{T: t, store: t.TempDir(), dir: t.TempDir()}
	var err error
	if e.server, err = server.Start(server.Options{StoreDir: e.store}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.server.Stop)
	e.conn = weirtest.Connect(t, e.server)
	c := weirtest.Publish(t, e.conn, weirtest.Files(t, keptFlow()))
	e.people = func(documents ...string) {
		t.Helper()
		weirtest.Ingest(t, e.conn, c.Collections["acmeCo/people"], documents...)
	}
	return e
}

// through waits until a worker has read everything.
func (e *erasing) through(w *worker.Worker) {
	e.Helper()
	weirtest.ReadThrough(e.T, w, e.conn, worker.KindDerivation, "acmeCo/kept", "acmeCo/people")
}

// erase erases a person, and gives how many registers went and what remains.
func (e *erasing) erase(id string, wait time.Duration) (registers int, remains string) {
	e.Helper()
	ctx := weirtest.Context(e.T)
	records, err := controlplane.Records(ctx, e.conn)
	if err != nil {
		e.Fatal(err)
	}
	r, err := erasure.Erase(ctx, e.conn, records, erasure.Request{Collection: "acmeCo/people", Key: []string{id}, Wait: wait})
	if err != nil {
		e.Fatal(err)
	}
	registers = -1
	for _, p := range r.Places {
		if p.Name == "registers of acmeCo/kept" {
			registers = p.Documents
		}
	}
	for _, left := range r.Remains {
		remains += left.What + ": " + left.Do + "\n"
	}
	return registers, remains
}

// holding lists the server's files of messages that hold a text, below a part
// of its store. Its indexes hold subjects, and are written anew now and then.
func (e *erasing) holding(part, text string) (files []string) {
	e.Helper()
	err := filepath.WalkDir(e.store, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".blk" || !strings.Contains(path, part) {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			files = append(files, strings.TrimPrefix(path, e.store))
		}
		return err
	})
	if err != nil {
		e.Fatal(err)
	}
	return files
}

// packed is how registers of a person are named in the bucket and in markers.
func packed(t *testing.T, id string) string {
	t.Helper()
	key, err := document.NewKey([]string{"/id"})
	if err != nil {
		t.Fatal(err)
	}
	var d document.Doc
	if err := d.Parse([]byte(`{"id":"` + id + `"}`)); err != nil {
		t.Fatal(err)
	}
	p, err := key.AppendPacked(nil, &d, 0)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(p)
}

// last is the newest derived document.
func (e *erasing) last() string {
	e.Helper()
	all := weirtest.Documents(e.T, e.conn, "acmeCo/kept")
	return string(all[len(all)-1].Data)
}

// eraseCuts are the points of the erasure of a register.
var eraseCuts = []string{
	"claim.marker", "claim.restored", "commit.before", "commit.after", "erase.records", "flush.before", "flush.after", "erase.traces", "erase.answered",
}

// TestRegisterErased ends the task at each point of the erasure of a register,
// by the end of its process and by an error. Whoever runs it next goes on: the
// register is gone, from the server's files too, and those of others stand.
func TestRegisterErased(t *testing.T) {
	e := newErasing(t)
	w, stop := weirtest.Run(t, weirtest.Options(t, e.conn, e.dir))
	e.people(`{"id":"other","secret":"s-other"}`)
	e.through(w)
	for i, point := range eraseCuts {
		id, secret := fmt.Sprintf("p-%d", i), fmt.Sprintf("c4nary-%d-", i)
		e.people(`{"id":"` + id + `","secret":"` + secret + `"}`) // once: the server keeps bytes of former values for a while
		e.through(w)
		stop()
		if held := e.holding("KV_weir_reg_", secret); len(held) == 0 {
			t.Fatalf("%s: the bucket does not hold the secret, and the test proves nothing", point)
		}
		registers, remains := e.erase(id, 0)
		if registers != -1 || !strings.Contains(remains, "they wait for acmeCo/kept to run") {
			t.Fatalf("%s: %d registers, and it remains:\n%s", point, registers, remains)
		}
		spec := "acmeCo/kept " + point + " 1"
		if i%2 == 0 {
			child := weirtest.StartChild(t, "worker", envURL+"="+e.server.URL(), envDir+"="+e.dir, envPoint+"="+spec)
			waitFor(t, "the child to come to "+point, func() bool { return child.Ended(20 * time.Millisecond) })
		}
		o := weirtest.Options(t, e.conn, e.dir)
		if i%2 == 1 {
			failAt(&o, []string{spec})
		}
		w, stop = weirtest.Run(t, o)
		if registers, remains := e.erase(id, weirtest.Patience); registers != 0 && registers != 1 || strings.Contains(remains, "they wait") {
			t.Errorf("%s: %d registers, and it remains:\n%s", point, registers, remains)
		}
		for _, text := range []string{secret, packed(t, id)} {
			if held := e.holding("", text); len(held) > 0 {
				t.Errorf("%s: %s is in %s", point, text, held)
			}
		}
		e.people(`{"id":"other"}`)
		e.through(w)
		if want := fmt.Sprintf(`{"id":"other","n":%d}`, i+2); e.last() != want {
			t.Errorf("%s: another register: %s, want %s", point, e.last(), want)
		}
		e.people(`{"id":"` + id + `"}`)
		e.through(w)
		if want := `{"id":"` + id + `","n":1}`; e.last() != want {
			t.Errorf("%s: after the erasure: %s, want %s", point, e.last(), want)
		}
	}
}

// TestRegisterErasedWhileRunning erases with the task running, paused, and
// resumed, and once more.
func TestRegisterErasedWhileRunning(t *testing.T) {
	e := newErasing(t)
	w, _ := weirtest.Run(t, weirtest.Options(t, e.conn, e.dir))
	e.people(`{"id":"a","secret":"c4nary-a"}`, `{"id":"b","secret":"c4nary-b"}`)
	e.through(w)
	if registers, remains := e.erase("a", weirtest.Patience); registers != 1 {
		t.Errorf("running: %d registers, and it remains:\n%s", registers, remains)
	}
	if registers, _ := e.erase("a", weirtest.Patience); registers != 0 {
		t.Errorf("once more: %d registers", registers)
	}
	if _, err := controlplane.Pause(t.Context(), e.conn, "acmeCo/kept", "me@here", ""); err != nil {
		t.Fatal(err)
	}
	weirtest.State(t, w, worker.KindDerivation, "acmeCo/kept", worker.StatePaused)
	registers, remains := e.erase("b", weirtest.Patience)
	if registers != -1 || !strings.Contains(remains, "it is paused") || !strings.Contains(remains, "`weir resume acmeCo/kept`") {
		t.Errorf("paused: %d registers, and it remains:\n%s", registers, remains)
	}
	if _, err := controlplane.Resume(t.Context(), e.conn, "acmeCo/kept", "me@here"); err != nil {
		t.Fatal(err)
	}
	if registers, remains := e.erase("b", weirtest.Patience); registers < 0 {
		t.Errorf("resumed: %d registers, and it remains:\n%s", registers, remains)
	}
	e.people(`{"id":"b"}`)
	e.through(w)
	if e.last() != `{"id":"b","n":1}` {
		t.Errorf("resumed: %s", e.last())
	}
}

// TestRegisterOfOlderBucket erases where the server does not overwrite values:
// the register is gone, and the report says what is not.
func TestRegisterOfOlderBucket(t *testing.T) {
	e := newErasing(t)
	name := collection.StateBucket(collection.RegistersBucket, "acmeCo/kept")
	if _, err := e.conn.EnsureBucket(t.Context(), journal.BucketConfig{Name: name}); err != nil {
		t.Fatal(err)
	}
	w, _ := weirtest.Run(t, weirtest.Options(t, e.conn, e.dir))
	e.people(`{"id":"a","secret":"s"}`)
	e.through(w)
	registers, remains := e.erase("a", weirtest.Patience)
	if registers != 1 || !strings.Contains(remains, "their bucket was made by an older weir") {
		t.Errorf("%d registers, and it remains:\n%s", registers, remains)
	}
	e.people(`{"id":"a"}`)
	e.through(w)
	if e.last() != `{"id":"a","n":1}` {
		t.Errorf("after the erasure: %s", e.last())
	}
	bucket, err := e.conn.Bucket(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	err = bucket.Scan(t.Context(), "", func(entry journal.Entry) error {
		if !strings.HasPrefix(entry.Key, "r.") && !strings.HasPrefix(entry.Key, "checkpoint.") {
			t.Errorf("left in the bucket: %s", entry.Key)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestErasureOfFrozenOwner stops a worker in the middle of an erasure, lets
// another one take over, erase, and set the register again, and wakes the first
// one: what came since the erasure stays.
func TestErasureOfFrozenOwner(t *testing.T) {
	for _, point := range []string{"commit.after", "erase.records", "flush.after", "erase.answered"} {
		t.Run(point, func(t *testing.T) {
			e := newErasing(t)
			w, stop := weirtest.Run(t, weirtest.Options(t, e.conn, e.dir))
			e.people(`{"id":"a","secret":"s"}`)
			e.through(w)
			stop()
			e.erase("a", 0)
			child := weirtest.StartChild(t, "worker", envURL+"="+e.server.URL(), envDir+"="+e.dir, envPoint+"=acmeCo/kept "+point+" 1", envStop+"=1")
			waitFor(t, "the child to come to "+point, func() bool { return stopped(t, child.PID()) })
			w, stop = weirtest.Run(t, weirtest.Options(t, e.conn, e.dir))
			e.people(`{"id":"a"}`)
			e.through(w)
			stop()
			child.Signal(t, syscall.SIGCONT)
			waitFor(t, "the woken worker to stand down", func() bool {
				return strings.Contains(child.Output(), "task failed") || strings.Contains(child.Output(), "registers erased")
			})
			child.Kill()
			w, _ = weirtest.Run(t, weirtest.Options(t, e.conn, e.dir))
			e.people(`{"id":"a"}`)
			e.through(w)
			if e.last() != `{"id":"a","n":2}` {
				t.Errorf("after the erasure: %s", e.last())
			}
		})
	}
}
