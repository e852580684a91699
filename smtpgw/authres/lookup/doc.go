// Package lookup asks the DNS for what authenticates one message, within bounds: a stranger's
// message says which names are asked for.
package lookup
