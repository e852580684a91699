// Package verdicts measures verdicts over pairs of messages: one as its author sent it, one as it
// came out of the relays and lists on its way, or as somebody changed it on the way. Of each pair
// the first is recorded as its sender's node would, the second judged and filed as its recipient's
// node would, and the report says what became of honest mail and of mail that was tampered with.
//
// Find reads which pairs a folder has, Judge and Learn know one pair and do no I/O, Run does it for
// all, and Report sums it up.
package verdicts
