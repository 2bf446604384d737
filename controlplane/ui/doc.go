// Package ui is Weir's web pages: what runs, why something stands still, what
// the documents are, and what was published. It reads and acts through
// functions that it is given, so that every page can be tested without a
// server, and shows what the API answers.
//
// Pages are rendered here, by html/template, and are complete without a script.
// With the one script, regions of a page follow what happens: the server sends
// them anew as events, and the script puts them in place. Nothing is fetched from
// other hosts, no script or style stands in a page, and whatever a document
// holds is text.
package ui
