package main

import "fmt"

// lineDiff gives the lines that differ between two texts, with - or + before
// them, and some lines of what surrounds them; @@ stands where others are left
// out.
func lineDiff(old, now []string, around int) []string {
	type line struct {
		mark byte
		text string
	}
	var all []line
	i, j := 0, 0
	for _, m := range append(commonLines(old, now), [2]int{len(old), len(now)}) {
		for ; i < m[0]; i++ {
			all = append(all, line{'-', old[i]})
		}
		for ; j < m[1]; j++ {
			all = append(all, line{'+', now[j]})
		}
		if i < len(old) && j < len(now) {
			all = append(all, line{' ', old[i]})
			i, j = i+1, j+1
		}
	}
	near := make([]bool, len(all))
	for at, l := range all {
		if l.mark == ' ' {
			continue
		}
		for k := max(at-around, 0); k <= min(at+around, len(all)-1); k++ {
			near[k] = true
		}
	}
	var out []string
	for at, l := range all {
		switch {
		case near[at]:
			out = append(out, fmt.Sprintf("%c %s", l.mark, l.text))
		case at > 0 && near[at-1] || at == 0:
			out = append(out, "@@")
		}
	}
	if len(out) == 1 && out[0] == "@@" {
		return nil
	}
	return out
}

// mostLines bounds what is compared line by line: the table below has its square.
const mostLines = 4000

// commonLines gives the pairs of indexes of a longest common subsequence. Of
// texts that are too long it gives what begins and ends alike.
func commonLines(a, b []string) [][2]int {
	var head, tail [][2]int
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		head = append(head, [2]int{start, start})
		start++
	}
	endA, endB := len(a), len(b)
	for endA > start && endB > start && a[endA-1] == b[endB-1] {
		endA, endB = endA-1, endB-1
		tail = append([][2]int{{endA, endB}}, tail...)
	}
	if endA-start > mostLines || endB-start > mostLines {
		return append(head, tail...)
	}
	lengths := make([][]int32, endA-start+1)
	for i := range lengths {
		lengths[i] = make([]int32, endB-start+1)
	}
	for i := endA - start - 1; i >= 0; i-- {
		for j := endB - start - 1; j >= 0; j-- {
			if a[start+i] == b[start+j] {
				lengths[i][j] = lengths[i+1][j+1] + 1
			} else {
				lengths[i][j] = max(lengths[i+1][j], lengths[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < endA-start && j < endB-start; {
		switch {
		case a[start+i] == b[start+j]:
			head = append(head, [2]int{start + i, start + j})
			i, j = i+1, j+1
		case lengths[i+1][j] >= lengths[i][j+1]:
			i++
		default:
			j++
		}
	}
	return append(head, tail...)
}
