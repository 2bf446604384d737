package catalog

import (
	"bytes"
	"strings"
)

// lineWidth is the width up to which documents are written on one line.
const lineWidth = 110

// flowList writes a list in brackets anew, because documents come or go. Those
// that stay keep their text.
func (r *rewrite) flowList(s *span) bool {
	texts := make([]string, len(r.docs))
	for i, doc := range r.docs {
		if r.was[i] < 0 {
			texts[i] = r.inline(doc, 0)
			continue
		}
		text, ok := r.patched(s.items[r.was[i]], doc)
		if !ok {
			return false
		}
		texts[i] = text
	}
	single := !bytes.ContainsRune(r.text[s.start:s.end], '\n')
	column := s.start - r.lineStart(s.start)
	line := "[" + strings.Join(texts, ", ") + "]"
	key, isBlock := r.blockKey(s.start)
	switch {
	case len(texts) == 0:
		r.replace(s.start, s.end, "[]")
	case single && isBlock && (len(s.items) == 0 || column+len(line) > lineWidth):
		before := len(bytes.TrimRight(r.text[:s.start], " "))
		dash := "\n" + strings.Repeat(" ", key+2) + "- "
		r.replace(before, s.end, dash+strings.Join(texts, dash))
	case single && (len(s.items) > 0 || !r.json):
		r.replace(s.start, s.end, line)
	default:
		outer := indentation(r.lineOf(s.start))
		inner := outer + "  "
		if len(s.items) > 0 && !single {
			if at := r.lineOf(s.items[0].start); strings.TrimLeft(at, " \t") != at && r.lineStart(s.items[0].start) > s.start {
				inner = indentation(at)
			}
		}
		if last := r.lineOf(s.end - 1); strings.HasPrefix(strings.TrimSpace(last), "]") {
			outer = indentation(last)
		}
		r.replace(s.start, s.end, "[\n"+inner+strings.Join(texts, ",\n"+inner)+"\n"+outer+"]")
	}
	return true
}

// patched is the text of an item with what changed in it, in place.
func (r *rewrite) patched(item *span, want *node) (string, bool) {
	if item.end < 0 {
		return "", false
	}
	inner := rewrite{spanFile: &spanFile{text: r.text, lines: r.lines, json: r.json}}
	if !inner.value(item, want) {
		return "", false
	}
	out := inner.apply()
	return string(out[item.start : len(out)-(len(r.text)-item.end)]), true
}

// blockKey says whether the value at an offset stands on the line of its key,
// both outside of brackets, and in which column the key begins.
func (r *rewrite) blockKey(at int) (column int, ok bool) {
	if r.json {
		return 0, false
	}
	line := string(r.text[r.lineStart(at):at])
	trimmed := strings.TrimLeft(line, " ")
	column = len(line) - len(trimmed)
	for strings.HasPrefix(trimmed, "- ") {
		rest := strings.TrimLeft(trimmed[2:], " ")
		column += len(trimmed) - len(rest)
		trimmed = rest
	}
	name := strings.TrimSuffix(strings.TrimRight(trimmed, " "), ":")
	return column, name == "documents"
}

// blockItem is the text of an item of a list of dashes: from the line of its
// dash to the end of its last line. What stands above it, comments and empty
// lines, belongs to it and begins at above; what stands above the first one may
// be about the whole list, and does not.
type blockItem struct {
	above, start, end int
	dash              int // column
}

// blockList rewrites a list of dashes, item by item.
func (r *rewrite) blockList(s *span) bool {
	items, ok := r.blockItems(s)
	if !ok {
		return false
	}
	if len(r.docs) == 0 {
		return r.empty(items[0].start, items[len(items)-1].end)
	}
	next, kept := 0, -1 // the item of the file that comes next, and the last that stayed
	for i, doc := range r.docs {
		was := r.was[i]
		if was < 0 {
			r.insert(s, items, kept, doc)
			continue
		}
		for ; next < was; next++ {
			r.drop(items[next])
		}
		next, kept = was+1, was
		if r.value(s.items[was], doc) {
			continue
		}
		item := items[was]
		r.replace(item.start, item.end, strings.Repeat(" ", item.dash)+"- "+r.block(doc, s.items[was].flow, item.dash+2))
	}
	for ; next < len(items); next++ {
		r.drop(items[next])
	}
	return true
}

// empty puts [] where the lines of a list's items stood, and the comments
// between them and the list's key.
func (r *rewrite) empty(start, end int) bool {
	for start > 0 {
		line := strings.TrimSpace(r.lineOf(start - 1))
		if line != "" && line[0] != '#' {
			start--
			for start > 0 && r.text[start-1] == ' ' {
				start--
			}
			r.replace(start, end, " []")
			return strings.HasSuffix(line, ":")
		}
		start = r.lineStart(start - 1)
	}
	r.replace(start, end, "[]")
	return true
}

// drop removes an item with its line break and what stands above it.
func (r *rewrite) drop(item blockItem) {
	r.replace(item.above, min(item.end+1, len(r.text)), "")
}

// insert puts a document behind an item of the file, or before the first one.
func (r *rewrite) insert(s *span, items []blockItem, behind int, doc *node) {
	first := items[0]
	text := strings.Repeat(" ", first.dash) + "- " + r.block(doc, s.items[0].flow, first.dash+2)
	if behind < 0 {
		r.replace(first.start, first.start, text+"\n")
		return
	}
	at := items[behind].end
	r.replace(at, at, "\n"+text)
}

// blockItems finds the items of a list of dashes.
func (r *rewrite) blockItems(s *span) ([]blockItem, bool) {
	items := make([]blockItem, len(s.items))
	for i, item := range s.items {
		start := r.lineStart(item.start)
		line := r.text[start:item.start]
		if trimmed := bytes.TrimSpace(line); string(trimmed) != "-" {
			return nil, false
		}
		items[i] = blockItem{start: start, above: start, dash: bytes.IndexByte(line, '-')}
		if i > 0 {
			items[i-1].end = r.contentEnd(items[i-1].start, start)
			items[i].above = items[i-1].end + 1
		}
	}
	last := &items[len(items)-1]
	last.end = r.contentEnd(last.start, r.blockEnd(last.start, last.dash))
	return items, true
}

// blockEnd is where the lines end that stand deeper than a dash.
func (r *rewrite) blockEnd(start, dash int) int {
	at := r.lineEnd(start)
	for at < len(r.text) {
		line := r.lineOf(at + 1)
		if content := strings.TrimSpace(line); content != "" && len(indentation(line)) <= dash {
			break
		}
		at = r.lineEnd(at + 1)
	}
	return min(at+1, len(r.text))
}

// contentEnd is the end of the last line between two offsets that is neither
// empty nor a comment.
func (r *rewrite) contentEnd(start, limit int) int {
	end := r.lineEnd(start)
	for at := end; at < limit && at < len(r.text); at = r.lineEnd(at + 1) {
		if at+1 >= limit {
			break
		}
		if line := strings.TrimSpace(r.lineOf(at + 1)); line != "" && line[0] != '#' {
			end = r.lineEnd(at + 1)
		}
	}
	return end
}

func (r *rewrite) lineStart(at int) int { return bytes.LastIndexByte(r.text[:at], '\n') + 1 }

// lineEnd is the offset of the line's break, or of the end of the text.
func (r *rewrite) lineEnd(at int) int {
	if at >= len(r.text) {
		return len(r.text)
	}
	if i := bytes.IndexByte(r.text[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(r.text)
}

func (r *rewrite) lineOf(at int) string {
	at = min(at, len(r.text))
	return string(r.text[r.lineStart(at):r.lineEnd(at)])
}

func indentation(line string) string {
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}
