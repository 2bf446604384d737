package secrets

import (
	"net/url"
	"slices"
	"strings"
)

// A schema marks with `secret: true` what is secret as a whole, and with one of
// these words a text with URLs that people should be able to read.
const (
	inUser = "user" // what stands before a host: a password, or a name alone, which is a token
	inURL  = "url"  // that, the values of parameters, and parts of the path that look like tokens
)

// tokenLength is how long a part of a URL is at least that looks like a token.
const tokenLength = 16

// looksLikeToken says whether a part of a URL is more than a word.
func looksLikeToken(text string) bool {
	return len(text) >= tokenLength && strings.ContainsAny(text, "0123456789")
}

// OfURL gives what may be secret in a URL, as it stands there and as it is meant.
func OfURL(text string) (values []string) {
	for _, at := range spans(text, inURL) {
		values = append(values, text[at.from:at.to])
	}
	return withMeant(values)
}

// tokensIn gives what is surely secret in a text with URLs, or looks like it:
// other values of parameters are words that texts are full of.
func tokensIn(text, mark string) (values []string) {
	for _, at := range spans(text, mark) {
		if part := text[at.from:at.to]; at.sure || looksLikeToken(part) {
			values = append(values, part)
		}
	}
	return withMeant(values)
}

// withMeant adds to parts of a URL what they stand for.
func withMeant(values []string) []string {
	for _, value := range slices.Clone(values) {
		for _, unescape := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
			if plain, err := unescape(value); err == nil && !slices.Contains(values, plain) {
				values = append(values, plain)
			}
		}
	}
	return values
}

// span is a part of a text.
type span struct {
	from, to int
	sure     bool // it is secret, however short it is
}

// spans finds what may be secret in a text with URLs, in order.
func spans(text, mark string) (found []span) {
	for begin := 0; ; {
		scheme := strings.Index(text[begin:], "://")
		if scheme < 0 {
			return found
		}
		begin += scheme + len("://")
		end := len(text)
		if i := strings.IndexAny(text[begin:], "/?#"); i >= 0 {
			end = begin + i
		}
		if at := strings.LastIndexByte(text[begin:end], '@'); at >= 0 {
			_, password, both := strings.Cut(text[begin:begin+at], ":")
			from := begin
			if both {
				from = begin + at - len(password)
			}
			found = append(found, span{from, begin + at, true})
		}
		if mark == inURL {
			return append(found, behindHost(text, end)...)
		}
	}
}

// behindHost finds what may be secret in path and parameters of a URL, which
// begin at a place of a text.
func behindHost(text string, begin int) (found []span) {
	end := len(text)
	if i := strings.IndexByte(text[begin:], '#'); i >= 0 {
		end = begin + i
	}
	path, query, _ := strings.Cut(text[begin:end], "?")
	at := begin
	for part := range strings.SplitSeq(path, "/") {
		if looksLikeToken(part) {
			found = append(found, span{from: at, to: at + len(part)})
		}
		at += len(part) + 1
	}
	for part := range strings.SplitSeq(query, "&") {
		if value := part[strings.IndexByte(part, '=')+1:]; value != "" {
			found = append(found, span{from: at + len(part) - len(value), to: at + len(part)})
		}
		at += len(part) + 1
	}
	return found
}
