// Package monitor answers monitoring systems about this process: /metrics in
// Prometheus' text format, /livez and /readyz for whoever restarts it or sends
// it work.
//
// Metrics are read from the worker when somebody asks: tasks count by atomics,
// once a document or a transaction, and know neither labels nor this package.
// Labels are of bounded number: tasks, their transforms and bindings, states and
// codes; never a key, a partition or a document.
//
// A task that fails is no reason to restart the process: neither /livez nor
// /readyz looks at it; the metrics weir_task_state and weir_task_errors_total do.
package monitor
