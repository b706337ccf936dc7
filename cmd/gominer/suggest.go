package main

import "strings"

// didYouMean returns " (did you mean …?)" with the candidate that word is most
// likely a slip for, "" if there is none.
func didYouMean(word string, candidates []string) string {
	if c := closest(word, candidates); c != "" {
		return ", did you mean " + c + "?"
	}
	return ""
}

// closest returns the candidate that takes the fewest slips to become word, at
// most one in three letters; or else one that word is the beginning of.
func closest(word string, candidates []string) string {
	word = strings.ToLower(word)
	best, least := "", len(word)/3+1
	for _, c := range candidates {
		if n := slips(word, strings.ToLower(strings.TrimLeft(c, "-"))); n <= least && (best == "" || n < least) {
			best, least = c, n
		}
	}
	if best != "" || len(word) < 2 {
		return best
	}
	for _, c := range candidates {
		if strings.HasPrefix(strings.ToLower(strings.TrimLeft(c, "-")), word) {
			return c
		}
	}
	return ""
}

// slips counts the letters inserted, left out, replaced, or swapped with their
// neighbour between a and b.
func slips(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
