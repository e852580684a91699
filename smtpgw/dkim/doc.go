// Package dkim verifies the signatures of domains on messages, and makes them (RFC 6376, RFC 8301,
// RFC 8463). What it knows of header fields, keys and canonical forms serves ARC too (RFC 8617).
package dkim
