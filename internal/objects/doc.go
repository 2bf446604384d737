// Package objects opens the places that connectors read files from and write
// files to: a directory, or a bucket of an object store. Both are a Store of
// objects under slash-separated keys.
//
// What holds for each Store: an object appears whole or not at all; an object
// that was made is durable when the call returns; CreateNew makes an object
// only where there is none, however many try it at once. For buckets
// gocloud.dev/blob does that. Directories are the file system's own calls: the
// library's driver for directories renames over what is there, never syncs,
// and cannot read names that hold characters which it escapes.
package objects
