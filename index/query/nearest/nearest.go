// Package nearest finds the word that somebody meant who mistyped it. It is pure.
package nearest

// longest is how long a slip of one of the words can be.
const longest = 32

// Word returns the word that differs from text by the fewest letters, if they are few enough for a
// slip of the finger; else nothing.
func Word(text string, words []string) (best string) {
	least := 3
	if len(text) > longest {
		return ""
	}
	for _, w := range words {
		if d := distance(text, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance is how many letters have to be put in, taken out, replaced or exchanged with their
// neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
