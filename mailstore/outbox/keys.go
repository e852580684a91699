package outbox

import (
	"encoding/binary"
	"strings"
	"time"
)

// space is the queue's durable map in the mail store. Numbers in keys are big-endian, so that scans
// run in order. Domains end with a zero octet, so that no domain holds the keys of another one.
//
//	c                            counts, with the format number
//	n                            the last id given
//	e<id>                        Entry
//	u<id>                        empty: entries that wait for their token
//	l<domain>0<id>               empty: all entries, by domain
//	s<domain>0<round><time><id>  empty: sealed entries, by the round (see head) and time of their next attempt (ms)
//	h<domain>                    head: of each domain that has entries
//
// In format 1 there were c, l, s and h not, but
//
//	d<time><id>                  domain of an entry that is sealed, by the time of its next attempt (ms)
const space = "queue"

var (
	countsKey = []byte("c")
	lastKey   = []byte("n")
)

func entryKey(id uint64) []byte    { return binary.BigEndian.AppendUint64([]byte("e"), id) }
func unsealedKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte("u"), id) }
func headKey(domain string) []byte { return append([]byte("h"), domain...) }

// ofDomain is the prefix of the keys of a domain in one of the tables l and s.
func ofDomain(table byte, domain string) []byte {
	return append(append([]byte{table}, domain...), 0)
}

func listKey(domain string, id uint64) []byte {
	return binary.BigEndian.AppendUint64(ofDomain('l', domain), id)
}

// place is where an entry stands in its domain's table of sealed entries.
type place struct {
	round uint32
	at    uint64 // Unix milliseconds
}

// nowhere is behind all places.
var nowhere = place{round: 1<<32 - 1}

func placeAt(round uint32, at time.Time) place { return place{round, uint64(max(at.UnixMilli(), 0))} }

func (p place) before(o place) bool { return p.round < o.round || p.round == o.round && p.at < o.at }

// after reports whether the time of p has not come at now.
func (p place) after(now time.Time) bool { return int64(p.at) > now.UnixMilli() }

func (p place) time() time.Time { return time.UnixMilli(int64(p.at)) }

// from is the least key of a domain's sealed entries that do not stand before p.
func (p place) from(domain string) []byte {
	k := binary.BigEndian.AppendUint32(ofDomain('s', domain), p.round)
	return binary.BigEndian.AppendUint64(k, p.at)
}

func sealedKey(domain string, p place, id uint64) []byte {
	return binary.BigEndian.AppendUint64(p.from(domain), id)
}

// sealedAt is what the end of a key in s says.
func sealedAt(key []byte) (p place, id uint64) {
	end := key[len(key)-20:]
	return place{binary.BigEndian.Uint32(end), binary.BigEndian.Uint64(end[4:])}, binary.BigEndian.Uint64(end[12:])
}

func idOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

// oldDueKey is the key in d of format 1.
func oldDueKey(at time.Time, id uint64) []byte {
	k := binary.BigEndian.AppendUint64([]byte("d"), uint64(at.UnixMilli()))
	return binary.BigEndian.AppendUint64(k, id)
}

// keyed reports whether a domain can be part of a key.
func keyed(domain string) bool { return strings.IndexByte(domain, 0) < 0 }
