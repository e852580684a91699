package grammar

// DecodedWord is decodedWord.
func DecodedWord(token string) (string, bool) { return decodedWord(token) }
