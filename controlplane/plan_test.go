package controlplane_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir/catalog"
	"weir/controlplane"
	"weir/fault"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/sinks"
	"weir/sinks/sqlite"
)

// plan drafts a publication with what the endpoints say, and gives it in lines.
func plan(t *testing.T, conn *journal.Conn, c *catalog.Catalog, dataDir string) (*controlplane.Draft, string) {
	t.Helper()
	k := controlplane.Connectors{Sinks: sinks.Registry{"sqlite": sqlite.New()}, DataDir: dataDir}
	actions, err := k.Examine(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := controlplane.NewDraft(t.Context(), conn, c, controlplane.Options{Catalog: "/flow", Prune: true, Actions: actions})
	if err != nil {
		t.Fatal(err)
	}
	return d, planLines(d.Plan())
}

func planLines(p controlplane.Plan) string {
	var b strings.Builder
	for _, s := range p.Specs {
		fmt.Fprintf(&b, "%s %s %s\n", s.Action, s.Kind, s.Name)
		for _, c := range s.Changes {
			fmt.Fprintf(&b, "  ~ %s\n", c)
		}
		for _, e := range s.Effects {
			fmt.Fprintf(&b, "  > %s\n", e)
		}
	}
	for _, task := range p.Tasks {
		fmt.Fprintf(&b, "%s %s %s %s\n", task.Action, task.Kind, task.Name, task.Why)
	}
	if len(p.GoOn) > 0 {
		fmt.Fprintf(&b, "go on: %s\n", names(p.GoOn))
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

// TestPlan follows a catalog through its life: each plan says what is made,
// changed and removed, and what that does to tables, state and tasks.
func TestPlan(t *testing.T) {
	conn, dir := weirtest.Connect(t, weirtest.Server(t)), t.TempDir()
	withRegister := strings.Replace(flow, "      transforms: [{name: fromA, source: acmeCo/a, shuffle: any}]",
		"      register: {schema: {type: integer}, initial: 0}\n      transforms:\n        - {name: fromA, source: acmeCo/a, shuffle: {key: [/id]}, backfill: 1}", 1)
	wider := strings.Replace(strings.Replace(flow, "n: {type: integer}", "n: {type: [integer, \"null\"]}", 1), "path: out.db", "path: secret.db", 1)
	for _, step := range []struct{ name, text, want string }{
		{"first", flow, `create collection acmeCo/a
  > stream acmeCo=a is made
create collection acmeCo/b
  > stream acmeCo=b is made
  > transform fromA reads acmeCo/a from its beginning
create materialization acmeCo/db
  > binding 0 reads acmeCo/b from its beginning
  > at the endpoint: CREATE TABLE "b" ( "id" TEXT NOT NULL, "flow_published_at" TEXT NOT NULL, "flow_document" TEXT NOT NULL, PRIMARY KEY ("id") )
start inbox acmeCo/a
start derivation acmeCo/b
start materialization acmeCo/db
`},
		{"again", flow, "go on: acmeCo/b acmeCo/db\n"},
		{"registers", withRegister, `change collection acmeCo/b
  ~ derive register added
  ~ transform fromA backfill added: 1
  ~ transform fromA shuffle any removed, was true
  ~ transform fromA shuffle key added: ["/id"]
  > its registers start empty: what was read before is not in them
  > transform fromA reads acmeCo/a from its beginning
restart derivation acmeCo/b it changed
restart materialization acmeCo/db collection acmeCo/b changed
`},
		{"a schema, an endpoint", wider, `change collection acmeCo/a
  ~ schema at /properties/n/type: "integer" becomes ["integer","null"]
change collection acmeCo/b
  ~ derive register removed
  ~ transform fromA backfill removed, was 1
  ~ transform fromA shuffle any added: true
  ~ transform fromA shuffle key removed, was ["/id"]
  > its registers are dropped
  > transform fromA reads acmeCo/a from its beginning
change materialization acmeCo/db
  ~ endpoint's configuration at /path changed
  > at the endpoint: CREATE TABLE "b" ( "id" TEXT NOT NULL, "flow_published_at" TEXT NOT NULL, "flow_document" TEXT NOT NULL, PRIMARY KEY ("id") )
restart inbox acmeCo/a it changed
restart derivation acmeCo/b it changed
restart materialization acmeCo/db it changed
`},
		{"less", flow[:strings.Index(flow, "  acmeCo/b:")], `change collection acmeCo/a
  ~ schema at /properties/n/type: ["integer","null"] becomes "integer"
remove collection acmeCo/b
  > its stream stays, with all documents
remove materialization acmeCo/db
  > what it wrote stays at its endpoint
restart inbox acmeCo/a it changed
stop derivation acmeCo/b
stop materialization acmeCo/db
`},
	} {
		d, got := plan(t, conn, build(t, step.text, module), dir)
		if got != step.want {
			t.Errorf("%s:\n%s\nwant\n%s", step.name, got, step.want)
		}
		if _, err := d.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// other is a catalog of its own that reads acmeCo/a of the first one.
const other = `
collections:
  acmeCo/a:
    key: [/id]
    schema: {type: object, required: [id, n], properties: {id: {type: string}, n: {type: integer}}}
  other/c:
    key: [/n]
    schema: {type: object, required: [n], properties: {n: {type: integer}}}
    derive:
      using: {javascript: {module: b.js}}
      transforms: [{name: fromA, source: acmeCo/a, shuffle: {key: [/n]}}]
`

// A publication that would break tasks of another catalog is refused, and names
// them: a collection that they read would go, or does not fit them any more.
// What fits them is published.
func TestDependents(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	publish(t, conn, build(t, other, module), "/other")
	publish(t, conn, build(t, flow, module), "/flow") // acmeCo/a belongs to it from now on
	refuse := func(what, want string, c *catalog.Catalog) {
		t.Helper()
		_, err := controlplane.Publish(t.Context(), conn, c, controlplane.Options{Catalog: "/flow", Prune: true})
		var dependents *controlplane.DependentsError
		if !errors.As(err, &dependents) || len(dependents.Broken) != 1 || dependents.Broken[0].Task != "other/c" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", what, err, want)
		}
	}
	refuse("the collection goes", "derivation other/c (of /other): it needs collection acmeCo/a, which would be removed", &catalog.Catalog{})
	refuse("a key of theirs goes", "/n can be of type array", build(t, strings.Replace(flow, "n: {type: integer}", "n: {type: array}", 1), module))
	if got := recordNames(t, conn); got != "acmeCo/a acmeCo/b acmeCo/db other/c" {
		t.Errorf("published: %s", got)
	}
	fits := build(t, strings.Replace(flow, "n: {type: integer}", "n: {type: integer}, more: {}", 1), module)
	d, err := controlplane.NewDraft(t.Context(), conn, fits, controlplane.Options{Catalog: "/flow", Prune: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := planLines(d.Plan()); !strings.Contains(got, "restart derivation other/c collection acmeCo/a changed\n") {
		t.Errorf("plan:\n%s", got)
	}
	if _, err := d.Publish(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := controlplane.DraftDelete(t.Context(), conn, []string{"acmeCo/a"}, controlplane.Options{}); err == nil ||
		!strings.Contains(err.Error(), "derivation acmeCo/b (of /flow)") || !strings.Contains(err.Error(), "derivation other/c (of /other)") {
		t.Errorf("delete: %v", err)
	}
	d, err = controlplane.DraftDelete(t.Context(), conn, []string{"acmeCo/db", "acmeCo/b"}, controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if done, err := d.Publish(t.Context()); err != nil || names(done.Removed) != "acmeCo/b acmeCo/db" {
		t.Errorf("delete from the end: %+v, %v", done, err)
	}
	var unknown *controlplane.NameError
	if _, err := controlplane.DraftDelete(t.Context(), conn, []string{"acmeCo/C"}, controlplane.Options{}); !errors.As(err, &unknown) || unknown.Near() != "other/c" {
		t.Errorf("an unknown name: %v", err)
	}
}

// The history tells what each publication did, newest first, and any of them
// comes back; as a publication of its own, with the checks of any other.
func TestHistory(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	say := func(text, root, message string) controlplane.Published {
		t.Helper()
		p, err := controlplane.Publish(t.Context(), conn, build(t, text, module), controlplane.Options{Catalog: root, Prune: true, By: "me@here", Message: message})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := say(flow, "/flow", "the beginning")
	say(strings.ReplaceAll(flow, "acmeCo", "theirs"), "/theirs", "")
	changed := strings.Replace(flow, "n: {type: integer}", "n: {type: number}", 1)
	second := say(changed[:strings.Index(changed, "materializations:")], "/flow", "no database")
	all, err := controlplane.History(t.Context(), conn, "/flow")
	if err != nil || len(all) != 2 || all[0].ID != second.ID || all[1].ID != first.ID || all[1].By != "me@here" || all[1].Message != "the beginning" {
		t.Fatalf("history: %+v, %v", all, err)
	}
	detail, err := controlplane.ShowPublication(t.Context(), conn, second.ID)
	if err != nil || len(detail.Specs) != 2 || detail.Specs[0].Action != controlplane.Change || detail.Specs[1].Action != controlplane.Remove ||
		!slices.Equal(detail.Specs[0].Changes, []string{`schema at /properties/n/type: "integer" becomes "number"`}) || detail.Specs[1].Before == nil || detail.Specs[1].After != nil {
		t.Errorf("second: %+v, %v", detail, err)
	}
	d, err := controlplane.DraftRevert(t.Context(), conn, first.ID, controlplane.Options{By: "me@here"})
	if err != nil {
		t.Fatal(err)
	}
	if got := planLines(d.Plan()); !strings.HasPrefix(got, "change collection acmeCo/a\n") || !strings.Contains(got, "create materialization acmeCo/db\n") || !strings.Contains(got, "go on: theirs/b theirs/db\n") {
		t.Errorf("plan of the revert:\n%s", got)
	}
	if p := d.Plan(); p.Newest != second.ID || p.Reverts != first.ID {
		t.Errorf("the plan is made after %s, and brings back %s", p.Newest, p.Reverts)
	}
	back, err := d.Publish(t.Context())
	if err != nil || names(back.Changed) != "acmeCo/a" || names(back.Created) != "acmeCo/db" {
		t.Fatalf("revert: %+v, %v", back, err)
	}
	if p := say(flow, "/flow", ""); p.ID != "" {
		t.Errorf("after the revert the first catalog changes something: %+v", p)
	}
	all, err = controlplane.History(t.Context(), conn, "")
	if err != nil || len(all) != 4 || all[0].Reverts != first.ID || all[0].Previous != second.ID {
		t.Errorf("history: %+v, %v", all, err)
	}
	if _, err := controlplane.DraftRevert(t.Context(), conn, "2", controlplane.Options{}); err == nil || !strings.Contains(err.Error(), "4 publications begin with 2") {
		t.Errorf("an ambiguous publication: %v", err)
	}
	if _, err := controlplane.DraftRevert(t.Context(), conn, "x", controlplane.Options{}); err == nil || !strings.Contains(err.Error(), "there is no publication x") {
		t.Errorf("an unknown publication: %v", err)
	}
}

// A deletion is in the history of the catalogs that it took from, and reverting
// to it says what brings back what it removed.
func TestRevertDeletion(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	first := publish(t, conn, build(t, flow, module), "/flow")
	publish(t, conn, build(t, strings.ReplaceAll(flow, "acmeCo", "theirs"), module), "/theirs")
	d, err := controlplane.DraftDelete(t.Context(), conn, []string{"acmeCo/db"}, controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	deletion, err := d.Publish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := controlplane.History(t.Context(), conn, "/flow")
	if err != nil || len(all) != 2 || all[0].ID != deletion.ID || all[1].ID != first.ID {
		t.Fatalf("history: %+v, %v", all, err)
	}
	want := deletion.ID + " deleted acmeCo/db, and is of no catalog that it could bring back"
	_, err = controlplane.DraftRevert(t.Context(), conn, deletion.ID, controlplane.Options{})
	if _, fix, _ := fault.What(err); err == nil || err.Error() != want || fix != "`weir revert "+first.ID+"` brings /flow back as its last publication before that left it" {
		t.Errorf("revert to the deletion: %v\nwant %s", err, want)
	}
	if d, err = controlplane.DraftRevert(t.Context(), conn, first.ID, controlplane.Options{}); err != nil {
		t.Fatal(err)
	}
	if done, err := d.Publish(t.Context()); err != nil || names(done.Created) != "acmeCo/db" {
		t.Errorf("what it says: %+v, %v", done, err)
	}
}

// A publication that was refused at the last moment is not in the history, and
// a revert that would break another catalog is refused as any publication is.
func TestHistoryOfRefused(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	publish(t, conn, build(t, other[:strings.Index(other, "  other/c:")], module), "/flow")
	late, err := controlplane.NewDraft(t.Context(), conn, build(t, flow, module), controlplane.Options{Catalog: "/flow"})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, conn, build(t, strings.ReplaceAll(flow, "acmeCo", "theirs"), module), "/theirs")
	if _, err := late.Publish(t.Context()); !errors.Is(err, controlplane.ErrConcurrent) {
		t.Fatalf("a late publication: %v", err)
	}
	all, err := controlplane.History(t.Context(), conn, "")
	if err != nil || len(all) != 2 || all[0].Catalog != "/theirs" {
		t.Fatalf("history: %+v, %v", all, err)
	}
	empty := all[1].ID
	publish(t, conn, build(t, strings.Replace(flow, "required: [id, n]", "required: [id, n]", 1), module), "/flow")
	publish(t, conn, build(t, strings.NewReplacer("acmeCo/a:", "acmeCo/z:", "source: acmeCo/a", "source: acmeCo/b").Replace(other)+`
  acmeCo/b:
    key: [/id]
    schema: {type: object, required: [id, n], properties: {id: {type: string}, n: {type: integer}}}
`, module), "/other")
	_, err = controlplane.DraftRevert(t.Context(), conn, empty, controlplane.Options{})
	if err != nil {
		t.Errorf("acmeCo/b is of the other catalog now, and stays: %v", err)
	}
}

// What is paused is a record beside what is published; it goes when its task
// goes, and not before.
func TestControls(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	publish(t, conn, build(t, flow, module), "/flow")
	tasks, err := controlplane.Pause(t.Context(), conn, "acmeCo/b", "me@here", "because")
	if err != nil || len(tasks) != 1 || tasks[0] != (controlplane.Task{Kind: catalog.KindDerivation, Name: "acmeCo/b"}) {
		t.Fatalf("pause: %+v, %v", tasks, err)
	}
	control := func() *catalog.Control {
		t.Helper()
		all, err := controlplane.Describe(t.Context(), conn, "acmeCo/b")
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[0].Control
	}
	publish(t, conn, build(t, flow, strings.Replace(module, "doc.id", "doc.id + '!'", 1)), "/flow")
	if c := control(); c == nil || !c.Paused || c.By != "me@here" || c.Why != "because" {
		t.Errorf("after a publication: %+v", c)
	}
	for range 2 {
		if err := controlplane.StartAnew(t.Context(), conn, tasks[0]); err != nil {
			t.Fatal(err)
		}
	}
	if c := control(); c == nil || !c.Paused || c.By != "me@here" || c.Starts != 2 {
		t.Errorf("started anew: %+v", c)
	}
	if _, err := controlplane.Resume(t.Context(), conn, "acmeCo/b", "you@there"); err != nil {
		t.Fatal(err)
	}
	if c := control(); c == nil || c.Paused || c.By != "you@there" || c.Starts != 2 {
		t.Errorf("resumed: %+v", c)
	}
	publish(t, conn, build(t, flow[:strings.Index(flow, "  acmeCo/b:")], module), "/flow")
	publish(t, conn, build(t, flow, module), "/flow")
	if c := control(); c != nil {
		t.Errorf("gone and come again: %+v", c)
	}
	if _, err := controlplane.Pause(t.Context(), conn, "acmeCo/none", "", ""); err == nil || err.Error() != "acmeCo/none is not published" {
		t.Errorf("an unknown name: %v", err)
	}
}

// The list says what there is and who reads and writes it.
func TestList(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := build(t, flow, module)
	p := publish(t, conn, c, "/flow")
	weirtest.Ingest(t, conn, c.Collections["acmeCo/a"], `{"id":"x","n":1}`, `{"id":"y","n":2}`)
	all, err := controlplane.List(t.Context(), conn)
	if err != nil || len(all) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	a, db := all[0], all[2]
	if a.Name != "acmeCo/a" || a.Task != catalog.KindInbox || a.Stream == nil || a.Stream.Documents != 2 || len(a.ReadBy) != 1 || a.ReadBy[0].Name != "acmeCo/b" || a.Publication != p.ID || a.Published.IsZero() {
		t.Errorf("a: %+v %+v", a, a.Stream)
	}
	if db.Kind != catalog.KindMaterialization || names(db.Reads) != "acmeCo/b" || db.Stream != nil {
		t.Errorf("db: %+v", db)
	}
	one, err := controlplane.Describe(t.Context(), conn, "acmeCo/b")
	if err != nil || len(one) != 1 || one[0].Last == nil || one[0].Last.ID != p.ID || names(one[0].Reads) != "acmeCo/a" || one[0].Record.Collection == nil || one[0].WrittenBy[0].Kind != catalog.KindDerivation {
		t.Errorf("describe: %+v, %v", one, err)
	}
}
