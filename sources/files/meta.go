package files

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"weir/document"
	"weir/schema"
)

// The members of _meta that say where a document was.
const (
	metaFile   = "/_meta/file"
	metaOffset = "/_meta/offset"
)

// wantsMeta says whether a collection's documents say where they were: if its
// key or its schema names one of these places.
func wantsMeta(key []string, shape *schema.Shape) bool {
	for _, ptr := range []string{metaFile, metaOffset} {
		for _, k := range key {
			if k == ptr {
				return true
			}
		}
		if shape == nil {
			continue
		}
		if _, exists := shape.Locate(document.Pointer(strings.Split(ptr[1:], "/"))); exists >= schema.May {
			return true
		}
	}
	return false
}

// appendWithMeta appends a document with the place where it was in a file. What
// is no object stays as it is.
func appendWithMeta(dst, doc []byte, file string, offset int64) []byte {
	body := bytes.TrimLeft(doc, " \t\r\n")
	if len(body) == 0 || body[0] != '{' {
		return append(dst, doc...)
	}
	if bytes.Contains(doc, []byte(`"_meta"`)) {
		return appendMerged(dst, doc, file, offset)
	}
	body = body[1:]
	dst = append(dst, `{"_meta":`...)
	dst = appendPlace(dst, file, offset)
	if rest := bytes.TrimLeft(body, " \t\r\n"); len(rest) > 0 && rest[0] != '}' {
		dst = append(dst, ',')
	}
	return append(dst, body...)
}

func appendPlace(dst []byte, file string, offset int64) []byte {
	dst = append(dst, `{"file":`...)
	dst = document.AppendQuoted(dst, file)
	dst = append(dst, `,"offset":`...)
	return append(strconv.AppendInt(dst, offset, 10), '}')
}

// appendMerged is for documents that have a _meta themselves, whose members are
// kept. A document that is broken is left to whoever checks it.
func appendMerged(dst, doc []byte, file string, offset int64) []byte {
	var d document.Doc
	if d.Parse(doc) != nil {
		return append(dst, doc...)
	}
	patch := append(append([]byte(`{"_meta":`), appendPlace(nil, file, offset)...), '}')
	merged, err := document.MergePatch(json.RawMessage(doc), patch)
	if err != nil {
		return append(dst, doc...)
	}
	return append(dst, merged...)
}
