package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"weir/controlplane"
	"weir/controlplane/api"
	"weir/controlplane/ui"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

// askPages reads what the API and the pages say of the tasks, over HTTP and over
// NATS, the beginning of each stream of events included.
func askPages(t *testing.T, conn *journal.Conn, tasks []string, all []controlplane.PublicationInfo, said map[string]string) {
	t.Helper()
	k := controlplane.Connectors{Sinks: sinkRegistry(), Sources: sourceRegistry()}
	service := api.New(api.Options{Conn: conn, Server: conn.URL(), Version: version, Connectors: k, Status: func(ctx context.Context) ([]api.Task, error) { return statusTasks(ctx, worker.NewStatusReader(conn)) }})
	stop, err := service.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	mux := http.NewServeMux()
	service.Mount(mux.Handle)
	pages := ui.New(ui.Options{Reads: ui.ReadsOf(service), Acts: ui.ActsOf(service), Version: version, Log: zap.NewNop()})
	pages.Mount(mux.Handle, mux.Handle)
	looking, end := context.WithCancel(t.Context())
	var live sync.WaitGroup
	live.Go(func() { pages.Run(looking) })
	defer live.Wait()
	defer end()
	s := httptest.NewServer(mux)
	defer s.Close()
	paths := []string{"/", "/graph", "/collections", "/collections/a/in", "/publications", "/quarantine", "/search?q=canary",
		api.Root + "status", api.Root + "logs", api.Root + "collections", api.Root + "collection/a/in", api.Root + "publications", api.Root + "quarantine", api.Root + "openapi.json"}
	streams := map[string]int{"/events/fleet": 2, "/events/graph": 1, "/events/collections/a/in": 1}
	requests := map[string][]any{"status": {nil}, "logs": {nil}, "collections": {nil}, "publications": {nil}, "quarantine": {nil}, "collection": {map[string]any{"collection": "a/in"}}}
	for _, task := range tasks {
		kind := kindOf(t, conn, task)
		paths = append(paths, api.Root+"describe/"+kind+"/"+task, api.Root+"logs?name="+url.QueryEscape(task), "/tasks/"+kind+"/"+task)
		streams["/events/tasks/"+kind+"/"+task] = 5 // four regions, and at least one line of its log
		requests["describe"] = append(requests["describe"], map[string]any{"kind": kind, "name": task})
	}
	for _, p := range all {
		paths = append(paths, api.Root+"publication/"+p.ID, "/publications/"+p.ID)
		requests["publication"] = append(requests["publication"], map[string]any{"id": p.ID})
	}
	for path, events := range streams {
		_, said["GET "+path] = visited(t, s, path, events)
	}
	for _, path := range paths {
		status, text := visited(t, s, path, 0)
		if said["GET "+path] = text; status != http.StatusOK {
			t.Errorf("GET %s: %d: %s", path, status, text)
		}
	}
	for _, p := range all { // it may be refused, as its endpoints refuse
		for _, path := range []string{api.Root + "plan/" + p.ID, "/publications/" + p.ID + "/revert"} {
			_, said["GET "+path] = visited(t, s, path, 0)
		}
		requests["plan-revert"] = append(requests["plan-revert"], map[string]any{"id": p.ID})
	}
	for operation, bodies := range requests {
		for _, body := range bodies {
			said["NATS "+operation+" "+asked(t, body)] = requested(t, conn, "weir.api.v1."+operation, asked(t, body))
		}
	}
	for _, verb := range []string{"INFO", "STATS", "PING"} {
		said["NATS "+verb] = requested(t, conn, "$SRV."+verb+".weir", "")
	}
}

func asked(t *testing.T, body any) string {
	t.Helper()
	if body == nil {
		return ""
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// kindOf finds the kind of a task.
func kindOf(t *testing.T, conn *journal.Conn, task string) string {
	t.Helper()
	records, err := controlplane.Records(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Name() == task {
			return string(r.Kind())
		}
	}
	t.Fatalf("%s is not published", task)
	return ""
}

// visited reads a page, or the first events of a stream, so many.
func visited(t *testing.T, s *httptest.Server, path string, events int) (status int, text string) {
	t.Helper()
	ctx := weirtest.Context(t)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var all strings.Builder
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		fmt.Fprintln(&all, lines.Text())
		if events > 0 && strings.HasPrefix(lines.Text(), "data: ") {
			if events--; events == 0 {
				break
			}
		}
	}
	if err := lines.Err(); err != nil || events > 0 {
		t.Fatalf("GET %s: %v, %d events are missing after %s", path, err, events, &all)
	}
	return answer.StatusCode, all.String()
}

// requested asks over NATS.
func requested(t *testing.T, conn *journal.Conn, subject, body string) string {
	t.Helper()
	answer, err := conn.Raw().RequestWithContext(weirtest.Context(t), subject, []byte(body))
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	return fmt.Sprint(answer.Header, string(answer.Data))
}

// sendCatalog has the API plan and publish a catalog, right and wrong.
func sendCatalog(t *testing.T, conn *journal.Conn, k controlplane.Connectors, flow string, said map[string]string) {
	t.Helper()
	mux := http.NewServeMux()
	api.New(api.Options{Conn: conn, Version: version, Connectors: k}).Mount(mux.Handle)
	for name, text := range map[string]string{"right": flow, "wrong": strings.Replace(flow, "bindings", "bindngs", 1)} {
		request, err := json.Marshal(api.PlanRequest{Catalog: "sent", Files: map[string]string{"flow.yaml": text}})
		if err != nil {
			t.Fatal(err)
		}
		for _, operation := range []string{"plan", "publish"} {
			answer := httptest.NewRecorder()
			mux.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, api.Root+operation, bytes.NewReader(request)))
			said["POST "+operation+", "+name] = answer.Body.String()
			if answer.Code == http.StatusBadRequest {
				t.Errorf("%s: %s", operation, answer.Body)
			}
		}
	}
}
