package fault

import (
	"errors"
	"fmt"
)

// Error is an error with what its user is told beside the message.
type Error struct {
	Code Code
	Fix  string // what to do about this one; "": what the code says
	err  error
}

// New makes an error with a code, and with what to do about it; "" leaves that to the code.
func New(code Code, fix, format string, args ...any) *Error {
	return &Error{Code: code, Fix: fix, err: fmt.Errorf(format, args...)}
}

// Wrap gives an error a code, and what to do about it; "" leaves that to the
// code. The message stays as it is.
func Wrap(err error, code Code, fix string) *Error {
	return &Error{Code: code, Fix: fix, err: err}
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// What gives the code of an error that has one somewhere in its chain, and what
// to do about it.
func What(err error) (code Code, fix string, ok bool) {
	var e *Error
	if !errors.As(err, &e) {
		return "", "", false
	}
	if e.Fix == "" {
		return e.Code, e.Code.Fix(), true
	}
	return e.Code, e.Fix, true
}
