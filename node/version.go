package node

// Version is the version of this program.
const Version = "0.1.0"

// Software names this program to peers and in status reports.
const Software = "cairn/" + Version
