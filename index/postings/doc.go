// Package postings codes lists of where a term occurs, and combines sorted sets of documents.
//
// A block is a sequence of postings by ascending document: the document's distance from the
// previous one (from 0 for the first), the length in bytes of its positions, and the positions,
// each as the distance from the previous one (from 0 for the first). All numbers are uvarints
// (encoding/binary). Coded and decoded alike, documents and positions strictly ascend.
//
// The package is pure.
package postings
