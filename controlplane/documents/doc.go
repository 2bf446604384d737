// Package documents reads the documents of collections for people: from a
// sequence or a time on, of one key or some partitions, once or as they come;
// and it taps tasks, whose inputs and outputs it follows side by side.
//
// It reads what is stored and changes nothing: the consumers that it makes are
// its own and are gone with it.
package documents
