package catalog

import (
	"slices"
	"strings"
)

// Nearest returns the candidate that was probably meant by name, "" when none
// is near enough to be a slip of the keyboard.
func Nearest(name string, candidates []string) string { return nearest(name, candidates) }

// nearest returns the candidate that was probably meant by name, "" when none
// is near enough to be a slip of the keyboard.
func nearest(name string, candidates []string) string {
	if len(name) > 256 {
		return ""
	}
	best, bestCost := "", 1+max(1, min(len([]rune(name))/3, 4))
	for _, candidate := range slices.Sorted(slices.Values(candidates)) {
		if len(candidate) > 256 || candidate == name {
			continue
		}
		if cost := distance(strings.ToLower(name), strings.ToLower(candidate)); cost < bestCost {
			best, bestCost = candidate, cost
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that make b of a.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			replace := rows[i-1][j-1]
			if s[i-1] != t[j-1] {
				replace++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(s)][len(t)]
}
