// Package analysis takes text apart into the terms that are indexed and searched for.
//
// Words are found by Unicode text segmentation (UAX #29) and taken apart further at every character
// that is not a letter, a mark, a digit or an underscore, so that "example.com" and "don't" are two
// words each. They are normalised (NFKC), lower-cased and stripped of diacritics. Scripts that are
// written without spaces (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar) become overlapping
// pairs of characters, over the end of a line too, and so does Hangul, of which people look for the
// parts of words. Signs such as emoji are words of their own. A number is also the word that it is
// without its separators, and the name of a file is taken apart further, see [Name].
//
// The package is pure, and the same text always gives the same terms.
package analysis
