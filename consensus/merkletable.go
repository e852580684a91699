package consensus

import "slices"

// merkleTable is a list of leaf hashes, among which others may be put and of which any may be taken
// out, with the tree of RFC 6962 over it. It is never changed: what makes another table of it
// shares all but a few runs.
//
// A leaf that is put in moves all behind it by one, and the tree has hardly a node there that it
// had before. Hence each leaf has the roots over all short rows of leaves that begin with it,
// wherever a tree would cut them: a change is in few of these, and the upper part of the tree, over
// windowSize leaves at a time, is small enough to be made anew.
type merkleTable struct {
	runs [][]windows // none is empty
	n    int         // leaves
}

// windows are the roots over the 1, 2, 4, ... leaves that begin with a leaf; zero where the table
// has not so many.
type windows [windowLevels + 1]Hash

const (
	windowLevels = 5
	windowSize   = 1 << windowLevels
	maxRun       = 64 // leaves; more are cut into runs of at most cutRun
	cutRun       = 48
)

// splice returns the table with other leaves in the place of so many from leaf at on.
func (t merkleTable) splice(at, drop int, leaves ...Hash) merkleTable {
	// What changes is in the runs from first up to last, which have the leaves from base up to end.
	first, base := t.find(max(0, at-windowSize+1))
	last, end := t.find(max(0, at-1, at+drop-1))
	if last < len(t.runs) {
		last, end = last+1, end+len(t.runs[last])
	}
	list := make([]windows, 0, end-base-drop+len(leaves)+windowSize)
	list = t.append(list, base, at)
	for _, l := range leaves {
		list = append(list, windows{l})
	}
	list = t.append(list, at+drop, end)
	changed := len(list)
	list = t.append(list, end, min(end+windowSize, t.n)) // to be read only

	n := t.n - drop + len(leaves)
	joinWindows(list, at-base, at-base+len(leaves), n-base)
	return merkleTable{slices.Concat(t.runs[:first], cutRuns(list[:changed]), t.runs[last:]), n}
}

// find returns the run with leaf i, and its first leaf. Leaf n is in a run behind the last.
func (t merkleTable) find(i int) (run, first int) {
	for run < len(t.runs) && i >= first+len(t.runs[run]) {
		first += len(t.runs[run])
		run++
	}
	return run, first
}

// append appends the leaves from one up to another.
func (t merkleTable) append(list []windows, from, to int) []windows {
	for run, first := t.find(from); from < to; run++ {
		part := t.runs[run][from-first : min(len(t.runs[run]), to-first)]
		list = append(list, part...)
		from, first = from+len(part), first+len(t.runs[run])
	}
	return list
}

// joinWindows makes the windows of those leaves of a list anew that are from one up to another, or
// have a window that reaches the first of them. The table ends after n leaves.
func joinWindows(list []windows, from, to, n int) {
	for level := 1; level <= windowLevels; level++ {
		size := 1 << level
		for i := max(0, from-size+1); i < to; i++ {
			if list[i][level] = (Hash{}); i+size <= n {
				list[i][level] = NodeHash(list[i][level-1], list[i+size/2][level-1])
			}
		}
	}
}

// cutRuns returns copies of parts of a list that are no longer than runs should be.
func cutRuns(list []windows) (runs [][]windows) {
	size := len(list)
	if size > maxRun {
		size = cutRun
	}
	for part := range slices.Chunk(list, max(1, size)) {
		runs = append(runs, slices.Clone(part))
	}
	return runs
}

// root returns the tree head, as MerkleRoot does.
func (t merkleTable) root() Hash {
	nodes := make([]Hash, 0, t.n/windowSize+1)
	next, first := 0, 0 // leaf of the next node, and of the run
	for _, run := range t.runs {
		for ; next < first+len(run) && next+windowSize <= t.n; next += windowSize {
			nodes = append(nodes, run[next-first][windowLevels])
		}
		first += len(run)
	}
	if rest := t.append(nil, next, t.n); len(rest) > 0 {
		leaves := make([]Hash, len(rest))
		for i := range rest {
			leaves[i] = rest[i][0]
		}
		nodes = append(nodes, MerkleRoot(leaves))
	}
	return MerkleRoot(nodes)
}
