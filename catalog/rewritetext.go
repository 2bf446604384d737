package catalog

import (
	"regexp"
	"strings"

	"weir/document"
)

// inline writes a value on one line: as JSON, or as YAML with the quotes that
// the old text began with.
func (r *rewrite) inline(n *node, quote byte) string {
	var b strings.Builder
	r.appendInline(&b, n, quote)
	return b.String()
}

func (r *rewrite) appendInline(b *strings.Builder, n *node, quote byte) {
	switch n.kind {
	case kindArray:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteString(", ")
			}
			r.appendInline(b, item, 0)
		}
		b.WriteByte(']')
	case kindObject:
		open, end := "{ ", " }"
		if r.json || len(n.members) == 0 {
			open, end = "{", "}"
		}
		b.WriteString(open)
		for i := range n.members {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(r.quoted(n.members[i].name, 0) + ": ")
			r.appendInline(b, n.members[i].value, 0)
		}
		b.WriteString(end)
	case kindString:
		b.WriteString(r.quoted(n.text, quote))
	default:
		b.WriteString(n.text)
	}
}

// plain matches strings that need no quotes in any version of YAML, inside
// brackets or not, unless they read as something else.
var (
	plain      = regexp.MustCompile(`^[\p{L}0-9_/](?:[\p{L}0-9_./@+-]|:[\p{L}0-9/]| [\p{L}0-9_/(])*$`)
	plainOther = regexp.MustCompile(`(?i)^(?:null|true|false|yes|no|on|off|[-+0-9_.:e]+|0[xob][0-9a-f_]+)$`)
)

// quoted writes a string, in quotes where it needs them or had them before.
func (r *rewrite) quoted(text string, quote byte) string {
	switch {
	case r.json || quote == '"':
	case quote == '\'' && strings.IndexFunc(text, func(c rune) bool { return c < ' ' || c == '\x7f' || c == '\ufeff' }) < 0:
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	case plain.MatchString(text) && !plainOther.MatchString(text):
		return text
	}
	return string(document.AppendQuoted(nil, text))
}

// block writes a document behind its dash: on one line if the list does so and
// it is short, else a line for each member.
func (r *rewrite) block(n *node, flow bool, column int) string {
	if line := r.inline(n, 0); flow && column+len(line) <= lineWidth || len(n.members) == 0 {
		return line
	}
	var b strings.Builder
	r.appendMembers(&b, n, column)
	return b.String()
}

// appendMembers writes members below each other, the first where it stands.
func (r *rewrite) appendMembers(b *strings.Builder, n *node, column int) {
	for i := range n.members {
		if i > 0 {
			b.WriteString("\n" + strings.Repeat(" ", column))
		}
		b.WriteString(r.quoted(n.members[i].name, 0) + ":")
		r.appendMember(b, n.members[i].value, column)
	}
}

func (r *rewrite) appendMember(b *strings.Builder, v *node, column int) {
	line := r.inline(v, 0)
	nested := len(v.members) > 0 || len(v.items) > 0
	if !nested || column+len(line) <= lineWidth*2/3 {
		b.WriteString(" " + line)
		return
	}
	indent := "\n" + strings.Repeat(" ", column+2)
	if v.kind == kindObject {
		b.WriteString(indent)
		r.appendMembers(b, v, column+2)
		return
	}
	for _, item := range v.items {
		b.WriteString(indent + "- " + r.block(item, true, column+4))
	}
}
