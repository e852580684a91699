package message

import "unicode/utf8"

// addressRoom bounds what is read of address lists, since each item costs many times its octets.
type addressRoom struct{ octets, items int }

// maxAddresses is what is read of all address lists of a header, far above what mail has.
var maxAddresses = addressRoom{octets: 384 << 10, items: 4 << 10}

// What is taken of the room for octets.
const (
	highCost = 8   // for an octet beyond ASCII
	wordCost = 256 // for what begins like an encoded word
)

// take returns what there is room for of a value, up to a comma.
func (r *addressRoom) take(value string) (fits string, whole bool) {
	comma := 0
	for i := range len(value) {
		switch c := value[i]; {
		case c >= utf8.RuneSelf:
			r.octets -= highCost
		case c == '?' && i > 0 && value[i-1] == '=':
			r.octets -= wordCost
		case c == ',':
			comma = i
		}
		if r.octets--; r.octets < 0 {
			return value[:comma], false
		}
	}
	return value, true
}

// beyondRoom stands for the items of a list that were not read: an item without an address.
var beyondRoom = Address{Name: "…"}
