package worker

import (
	"errors"
	"io/fs"

	"weir/fault"
	"weir/journal"
	"weir/sinks"
	"weir/sources"
)

// codeOf gives the code of an error of the worker's surroundings, those that no
// document is to blame for.
func codeOf(err error) fault.Code {
	if takenOver(err) || errors.Is(err, errRaced) {
		return fault.TakenOver
	}
	if code := journal.Code(err); code != "" {
		return code
	}
	var file *fs.PathError
	if errors.As(err, &file) {
		return fault.Disk
	}
	if code, _, ok := fault.What(err); ok {
		return code
	}
	return fault.Failed
}

// codeOfConnector gives the code of a connector's error.
func codeOfConnector(err error) fault.Code {
	if takenOver(err) {
		return fault.TakenOver
	}
	if errors.Is(err, sinks.ErrTransient) || errors.Is(err, sources.ErrTransient) {
		return fault.EndpointAway
	}
	return fault.Endpoint
}
