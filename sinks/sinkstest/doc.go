// Package sinkstest checks that a sink keeps the promises of package sinks.
// Each sink's test calls Conformance once; a promise that is added there is
// then checked for every sink. It is imported by tests only.
package sinkstest
