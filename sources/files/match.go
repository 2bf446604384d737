package files

import (
	"errors"
	"regexp"
	"strings"
)

// pattern tells which files belong to a binding.
type pattern struct {
	expression *regexp.Regexp
	prefix     string         // with which every file that matches begins
	folders    *regexp.Regexp // that may hold a file that matches, with a slash behind them
}

// parsePattern reads a glob: * stays within a folder, ** crosses folders.
func parsePattern(glob string) (p pattern, err error) {
	if strings.HasPrefix(glob, "/") {
		return p, errors.New("it begins with a slash: write the path below the url")
	}
	p.prefix = glob
	if meta := strings.IndexAny(glob, `*?[{\`); meta >= 0 {
		p.prefix = glob[:meta]
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	alternatives := 0
	var folders []string
	whole := "" // what is before alternatives, whose folders are not looked at one by one
	for i := 0; i < len(glob); {
		before := b.String()
		if alternatives == 0 {
			whole = before
		}
		n, err := appendGlob(&b, glob[i:], &alternatives)
		if err != nil {
			return p, err
		}
		crosses := strings.HasPrefix(glob[i:], "**")
		switch slash := b.String()[len(before):] == "/"; {
		case alternatives > 0 && (slash || crosses):
			folders = append(folders, whole+`.*/`)
		case crosses:
			folders = append(folders, before+`.*/`)
		case slash:
			folders = append(folders, before+`/`)
		}
		i += n
	}
	if alternatives > 0 {
		return p, errors.New("a { is not closed")
	}
	b.WriteString(`\z`)
	if p.expression, err = regexp.Compile(b.String()); err != nil {
		return p, err
	}
	p.folders, err = regexp.Compile(`\A(?:` + strings.Join(folders, "|") + `)\z`)
	return p, err
}

// mayHold says whether something below a folder, whose name ends in a slash,
// can match.
func (p pattern) mayHold(folder string) bool { return p.folders.MatchString(folder) }

// appendGlob translates what the glob begins with, and says how long that is.
func appendGlob(b *strings.Builder, glob string, alternatives *int) (n int, err error) {
	switch c := glob[0]; {
	case strings.HasPrefix(glob, "**/"):
		b.WriteString(`(?:.*/)?`)
		return 3, nil
	case strings.HasPrefix(glob, "**"):
		b.WriteString(`.*`)
		return 2, nil
	case c == '*':
		b.WriteString(`[^/]*`)
	case c == '?':
		b.WriteString(`[^/]`)
	case c == '[':
		return appendClass(b, glob)
	case c == '{':
		*alternatives++
		b.WriteString(`(?:`)
	case c == ',' && *alternatives > 0:
		b.WriteString(`|`)
	case c == '}' && *alternatives > 0:
		*alternatives--
		b.WriteString(`)`)
	case c == '\\' && len(glob) == 1:
		return 0, errors.New(`nothing follows the \`)
	case c == '\\':
		b.WriteString(regexp.QuoteMeta(glob[1:2]))
		return 2, nil
	default:
		b.WriteString(regexp.QuoteMeta(glob[:1]))
	}
	return 1, nil
}

func appendClass(b *strings.Builder, glob string) (n int, err error) {
	end := strings.IndexByte(glob, ']')
	if end < 2 || strings.ContainsAny(glob[1:end], `/[\`) {
		return 0, errors.New("a [ is not closed, or holds a slash, [ or \\")
	}
	class := glob[1:end]
	b.WriteByte('[')
	if rest, negated := strings.CutPrefix(class, "!"); negated {
		b.WriteString("^/")
		class = rest
	}
	b.WriteString(strings.ReplaceAll(class, "^", `\^`))
	b.WriteByte(']')
	return end + 1, nil
}

func (p pattern) matches(key string) bool {
	return strings.HasPrefix(key, p.prefix) && p.expression.MatchString(key)
}
