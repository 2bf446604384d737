package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"weir/collection"
	"weir/derive"
	"weir/derive/sqlite"
	"weir/journal"
	"weir/secrets"
	"weir/sinks"
	"weir/sources"
)

// Every way in which a start can end has a code, and every code says what to do.
func TestErrorsHaveCodes(t *testing.T) {
	seen := map[string]bool{codeWorkerGone: true, codePaused: true} // which come from no error
	for _, test := range []struct {
		err  error
		code string
	}{
		{errors.New("x"), codeError},
		{&brokenError{"x", errors.New("y")}, codeCatalog},
		{&collection.Invalid{}, codeInvalidDocument},
		{&derive.CallError{}, codeModule},
		{&derive.ModuleError{}, codeModule},
		{&fs.PathError{Op: "write", Path: "x", Err: errors.New("no space left on device")}, codeDisk},
		{&sinks.IncompatibleError{}, codeIncompatible},
		{&haltError{&sinks.IncompatibleError{}}, codeIncompatible},
		{fromConnector("open", errors.New("x")), codeEndpoint},
		{fromConnector("open", sinks.Transient(errors.New("x"))), codeEndpointAway},
		{fromConnector("pull", sources.Transient(errors.New("x"))), codeEndpointAway},
		{fromConnector("open", &fs.PathError{Err: errors.New("x")}), codeEndpoint},
		{fmt.Errorf("x: %w", &secrets.Error{}), codeSecret},
		{&LostError{"x"}, codeStateLost},
		{&sqlite.LostError{}, codeStateLost},
		{&StateError{}, codeStateTooLarge},
		{&PagesError{}, codeTooMuchState},
		{&OutputError{}, codeTooManyOutputs},
		{&journal.SizeError{}, codeTooLarge},
		{journal.ErrFenced, codeTakenOver},
		{journal.ErrConflict, codeTakenOver},
		{fromConnector("commit", sinks.ErrFenced), codeTakenOver},
		{errRaced, codeTakenOver},
		{journal.ErrPositionBeyondEnd, codePositionBeyondEnd},
		{journal.ErrBatchFull, codeBatchTooLarge},
		{journal.ErrBatchTooLarge, codeBatchTooLarge},
		{&journal.StorageError{Reason: &journal.APIError{}}, codeStorageFull},
		{journal.ErrForeignStream, codeForeignStream},
		{journal.ErrNoStream, codeStreamMissing},
		{journal.ErrClosed, codeNatsAway},
		{context.DeadlineExceeded, codeNatsAway},
		{&journal.APIError{Code: 10000}, codeNatsRefused},
		{checkVersion("x", formatVersion+1), codeNewerFormat},
	} {
		for _, err := range []error{test.err, fmt.Errorf("claim: %w", test.err), &inputError{err: test.err}} {
			why := explain(err)
			if why.Code != test.code || why.Fix == "" {
				t.Errorf("%T %v: code %q, want %q, with fix %q", err, err, why.Code, test.code, why.Fix)
			}
			seen[why.Code] = true
		}
	}
	for _, c := range Codes() {
		if !seen[c.Name] {
			t.Errorf("nothing has the code %s", c.Name)
		}
	}
}
