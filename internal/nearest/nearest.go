// Package nearest finds the word that somebody meant who wrote another one.
package nearest

// Of returns the one of known that name was probably meant to be: the fewest letters added, left out,
// exchanged or swapped, at most a third of the longer word. It returns "" when nothing is near.
func Of(name string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		if max(len(name), len(k)) < 3*max(len(name)-len(k), len(k)-len(name)) {
			continue // too many letters are missing, which is quicker to see
		}
		d := distance(name, k)
		if d*3 <= max(len(name), len(k)) && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// distance counts the edits between a and b; swapping two neighbours is one.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
