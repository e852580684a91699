package mailstore

// SmallFiles makes the files of stores that are opened from now on so small that they come to their
// end every few updates. The function that is returned ends it.
func SmallFiles() (end func()) {
	mem, log := memTableSize, valueLogFileSize
	memTableSize, valueLogFileSize = 1<<20, 2<<20
	return func() { memTableSize, valueLogFileSize = mem, log }
}
