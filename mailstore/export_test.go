package mailstore

// SmallFiles makes the files of stores that are opened from now on so small that they come to their end every few updates.
func SmallFiles() { memTableSize, valueLogFileSize = 1<<20, 2<<20 }
