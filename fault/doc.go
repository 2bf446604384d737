// Package fault names what can go wrong: a code for each reason that a user is
// told of, wherever it is told, with what it means and what to do about it. An
// [Error] is an error that says more of this than its code does.
//
// It knows nothing of what fails: whoever makes an error picks the code.
package fault
