package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"weir/collection"
	"weir/derive"
	"weir/derive/sqlite"
	"weir/fault"
	"weir/journal"
	"weir/secrets"
	"weir/sinks"
	"weir/sources"
)

// Every way in which a start can end has a code, and every code says what to do.
func TestErrorsHaveCodes(t *testing.T) {
	seen := map[fault.Code]bool{fault.WorkerGone: true, fault.Paused: true, fault.NoWorker: true} // which come from no error
	for _, test := range []struct {
		err  error
		code fault.Code
	}{
		{errors.New("x"), fault.Failed},
		{&brokenError{"x", errors.New("y")}, fault.Catalog},
		{&collection.Invalid{}, fault.InvalidDocument},
		{&derive.CallError{}, fault.Module},
		{&derive.ModuleError{}, fault.Module},
		{&fs.PathError{Op: "write", Path: "x", Err: errors.New("no space left on device")}, fault.Disk},
		{&sinks.IncompatibleError{}, fault.Incompatible},
		{&haltError{&sinks.IncompatibleError{}}, fault.Incompatible},
		{fromConnector("open", errors.New("x")), fault.Endpoint},
		{fromConnector("open", sinks.Transient(errors.New("x"))), fault.EndpointAway},
		{fromConnector("pull", sources.Transient(errors.New("x"))), fault.EndpointAway},
		{fromConnector("open", &fs.PathError{Err: errors.New("x")}), fault.Endpoint},
		{fmt.Errorf("x: %w", &secrets.Error{}), fault.Secret},
		{&LostError{"x"}, fault.StateLost},
		{&sqlite.LostError{}, fault.StateLost},
		{&StateError{}, fault.StateTooLarge},
		{&PagesError{}, fault.TooMuchState},
		{&OutputError{}, fault.TooManyOutputs},
		{&journal.SizeError{}, fault.TooLarge},
		{journal.ErrFenced, fault.TakenOver},
		{journal.ErrConflict, fault.TakenOver},
		{fromConnector("commit", sinks.ErrFenced), fault.TakenOver},
		{errRaced, fault.TakenOver},
		{journal.ErrPositionBeyondEnd, fault.PositionBeyondEnd},
		{journal.ErrBatchFull, fault.BatchTooLarge},
		{journal.ErrBatchTooLarge, fault.BatchTooLarge},
		{&journal.StorageError{Reason: &journal.APIError{}}, fault.StorageFull},
		{journal.ErrForeignStream, fault.ForeignStream},
		{journal.ErrNoStream, fault.StreamMissing},
		{journal.ErrClosed, fault.NatsAway},
		{context.DeadlineExceeded, fault.NatsAway},
		{&journal.APIError{Code: 10000}, fault.NatsRefused},
		{checkVersion("x", formatVersion+1), fault.NewerFormat},
	} {
		for _, err := range []error{test.err, fmt.Errorf("claim: %w", test.err), &inputError{err: test.err}} {
			why := explain(err)
			if why.Code != test.code || why.Fix == "" {
				t.Errorf("%T %v: code %q, want %q, with fix %q", err, err, why.Code, test.code, why.Fix)
			}
			seen[why.Code] = true
		}
	}
	for _, e := range fault.Entries() {
		if slices.Contains(e.Where, fault.Tasks) && !seen[e.Code] {
			t.Errorf("nothing has the code %s", e.Code)
		}
	}
}
