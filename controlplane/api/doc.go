// Package api is what programs can ask of Weir and tell it: one table of
// operations, each with its request and its answer, served over HTTP as JSON
// and by a NATS micro service in the same shapes. The pages are drawn from the
// same answers, and docs/reference/api.md from the same table.
//
// What an operation does is the control plane's; nothing is done here.
package api
