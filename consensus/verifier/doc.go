// Package verifier says what arriving mail is worth and keeps saying it. It
// finds the token in a message, compares the message's components with what
// the token commits to, asks the chain whether the record stands in a block
// and the trust list whether the recording organisation may speak for the
// sender's domain, and judges.
//
// Verdicts live: the verifier follows the chain and revises the findings about
// stored messages as blocks come and go. Where mail goes is not its matter: it
// tells a Filer. Its cursor moves in the transaction
// that notes where batches stand and which findings that puts out of date;
// those are revised a few at a time, from what is stored, so that neither a
// block with the records of much mail nor a stop in between loses anything.
package verifier
