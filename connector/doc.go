// Package connector has the messages of the connector protocol: what a
// runtime and a connector that is a program of its own say to each other, as
// lines of JSON, one message a line. It is Estuary Flow's published capture
// and materialize protocol in its JSON form, so that connectors written for
// that run under Weir.
//
// A message is an object of one member, which names what it is. Members that
// are not known are passed over, here as by connectors; what is known has to
// be of its type. Absent members have their zero value. Integers of 64 bits
// may be numbers or strings.
//
// The package moves no bytes and starts nothing: package program does.
package connector
