package trace

import "bytes"

// DeliveredTo begins what is sent on. Nothing else that is queued begins so: what is submitted has
// our Received on top.
const DeliveredTo = "Delivered-To: "

// IsSentOn reports whether a queued message is one that came for an account here.
func IsSentOn(raw []byte) bool { return bytes.HasPrefix(raw, []byte(DeliveredTo)) }
