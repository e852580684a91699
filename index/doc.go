// Package index finds mail. It follows the mailstore's change journal, keeps postings of every word
// of every message in a database of its own, and answers queries from them.
//
// The index holds nothing that the mailstore does not: it can be deleted at any time and is then
// built anew. Its cursor (the last change it has taken in) is committed together with what that
// change brought, so a restart resumes, and a cursor that the journal does not know (another store,
// or a backup of this one), or behind which the journal was trimmed, makes it start over.
//
// Callers use [Index.Search] and the follower ([Index.Run], [Index.Cursor], [Index.WaitFor]) only;
// how postings are stored is the package's own affair:
//
//   - text: one block of postings (package postings) per account, field, term and batch of messages taken in together
//   - labels: one key per account, label and message, so that changing a label touches no posting
//   - documents: per message its size, its dates and what it has, for the conditions that are not words
package index
