package monitor

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"weir/worker"
)

// Metric describes one of Weir's metrics.
type Metric struct {
	Name   string
	Type   string // counter, gauge or histogram
	Labels []string
	Help   string
}

var (
	ofTask    = []string{"kind", "task"}
	ofBinding = []string{"kind", "task", "binding", "collection"}
)

// Indexes of metrics.
const (
	buildInfo = iota
	natsConnected
	taskState
	documentsIn
	bytesIn
	documentsOut
	bytesOut
	lagDocuments
	lagSeconds
	transactions
	transactionSeconds
	taskErrors
	taskRestarts
	quarantined
	logDropped
)

// metrics are in the order of their indexes.
var metrics = []Metric{
	buildInfo:          {"weir_build_info", "gauge", []string{"version", "go_version"}, "Always 1; the labels say which weir this is."},
	natsConnected:      {"weir_nats_connected", "gauge", nil, "Whether there is a connection to NATS now (1) or not (0)."},
	taskState:          {"weir_task_state", "gauge", []string{"kind", "task", "state"}, "1 for the state that the task is in, 0 for the others: pending, running, retrying, failed, paused, disabled."},
	documentsIn:        {"weir_task_documents_in_total", "counter", ofBinding, "Documents that the task has read, those that it read again after a failure included."},
	bytesIn:            {"weir_task_bytes_in_total", "counter", ofBinding, "Bytes of the documents that the task has read."},
	documentsOut:       {"weir_task_documents_out_total", "counter", ofBinding, "Documents or rows that the task has written, after they were combined by key."},
	bytesOut:           {"weir_task_bytes_out_total", "counter", ofBinding, "Bytes of the documents or rows that the task has written."},
	lagDocuments:       {"weir_task_lag_documents", "gauge", ofBinding, "Messages that wait for the task and were not read yet. For a task that does not run they are counted every 10 s, from where it stands."},
	lagSeconds:         {"weir_task_lag_seconds", "gauge", ofBinding, "For how long the oldest document that is not processed could have been, 0 when the task has caught up. A readDelay does not count."},
	transactions:       {"weir_task_transactions_total", "counter", ofTask, "Transactions that were committed."},
	transactionSeconds: {"weir_task_transaction_seconds", "histogram", []string{"kind", "task", "phase"}, "How long phases of transactions took: open (its documents are read and processed), stage (what it writes is reduced and sent), wait (for the commit before it), load and store (of a materialization, within its commit), commit (until it is durable and acknowledged), total."},
	taskErrors:         {"weir_task_errors_total", "counter", []string{"kind", "task", "code"}, "Failures of the task, by code; docs/reference/errors.md explains them."},
	taskRestarts:       {"weir_task_restarts_total", "counter", ofTask, "Starts of the task after a failure."},
	quarantined:        {"weir_task_quarantined_documents_total", "counter", ofTask, "Invalid documents that the task has put into quarantine."},
	logDropped:         {"weir_task_log_lines_dropped_total", "counter", ofTask, "Lines of the task's log that were not kept: beyond its rate, or the server was away."},
}

// Metrics lists Weir's own metrics. Beside them stand those of the Go runtime
// (go_...) and of the process (process_...).
func Metrics() []Metric { return metrics }

// collector makes metrics of what is true when it is asked.
type collector struct {
	m     *Monitor
	descs []*prometheus.Desc
}

func newCollector(m *Monitor) *collector {
	c := &collector{m: m}
	for _, one := range metrics {
		c.descs = append(c.descs, prometheus.NewDesc(one.Name, one.Help, one.Labels, nil))
	}
	return c
}

// Describe names every metric.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect gives the values.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	gauge := func(index int, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(c.descs[index], prometheus.GaugeValue, value, labels...)
	}
	gauge(buildInfo, 1, c.m.version, runtime.Version())
	gauge(natsConnected, number(c.m.conn.Connected()))
	w := c.m.worker.Load()
	if w == nil {
		return
	}
	for _, m := range w.Measures() {
		for _, state := range worker.States() {
			gauge(taskState, number(m.State == state), m.Kind, m.Task, string(state))
		}
		c.task(to, &m)
		for _, b := range m.Bindings {
			c.binding(to, &m, b)
		}
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func (c *collector) task(to chan<- prometheus.Metric, m *worker.Measure) {
	counter := func(index int, value uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(c.descs[index], prometheus.CounterValue, float64(value), append([]string{m.Kind, m.Task}, labels...)...)
	}
	counter(transactions, m.Txns)
	counter(taskRestarts, m.Restarts)
	counter(quarantined, m.Quarantined)
	counter(logDropped, m.Dropped)
	for code, n := range m.Failures {
		counter(taskErrors, n, code)
	}
	for phase, h := range m.Phases {
		buckets := make(map[float64]uint64, len(h.Buckets))
		for i, n := range h.Buckets {
			buckets[worker.PhaseBounds[i]] = n
		}
		to <- prometheus.MustNewConstHistogram(c.descs[transactionSeconds], h.Count, h.Sum, buckets, m.Kind, m.Task, phase)
	}
}

func (c *collector) binding(to chan<- prometheus.Metric, m *worker.Measure, b worker.BindingStatus) {
	give := func(index int, kind prometheus.ValueType, value float64) {
		to <- prometheus.MustNewConstMetric(c.descs[index], kind, value, m.Kind, m.Task, b.Name, b.Collection)
	}
	combines := m.Kind == worker.KindDerivation || m.Kind == worker.KindCapture // before it writes, so no transform or binding does
	if !combines || b.Name != "" {
		give(documentsIn, prometheus.CounterValue, float64(b.In))
		give(bytesIn, prometheus.CounterValue, float64(b.InBytes))
		if m.Kind != worker.KindCapture { // what waits at its source only the source knows
			give(lagDocuments, prometheus.GaugeValue, float64(b.Lag))
			give(lagSeconds, prometheus.GaugeValue, b.LagSeconds)
		}
	}
	if !combines || b.Name == "" {
		give(documentsOut, prometheus.CounterValue, float64(b.Out))
		give(bytesOut, prometheus.CounterValue, float64(b.OutBytes))
	}
}

// Metrics is the handler of /metrics.
func (m *Monitor) Metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(m), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}
