package record

import "cairn/mailstore/message"

// recipients reports each envelope recipient of this delivery. Those of the record that are not in
// it are no part of the comparison: the sender's courier or another host delivers to them.
func recipients(ours []*recorded, theirs []*arrival) []Part {
	var parts []Part
	for _, a := range theirs {
		p := Part{Type: message.Recipient, Index: a.Index, Outcome: Extra, Kind: NotRecorded, Detail: shorten(a.Content())}
		for _, r := range ours {
			if r.is(a.digest) {
				p = Part{Type: message.Recipient, Index: r.index, Outcome: Same}
				break
			}
		}
		parts = append(parts, p)
	}
	return parts
}

// beside lays the name, or the octets, of each recorded attachment beside those of the attachment
// that it became, so that contents with their names exchanged are not the same.
func beside(t message.Type, ours []*recorded, theirs []*arrival, became map[uint16]uint16) []Part {
	var parts []Part
	for _, r := range ours {
		p := Part{Type: t, Index: r.index, Outcome: Absent, Kind: Removed}
		if index, ok := became[r.index]; ok {
			for _, a := range theirs {
				if a.Index != index {
					continue
				}
				a.taken = true
				if p.Outcome, p.Kind = Same, ""; !r.is(a.digest) {
					p.Outcome = Changed
					if t == message.AttachmentName {
						p.Kind, p.Detail = explainName(r, a)
					}
				}
			}
		}
		parts = append(parts, p)
	}
	return append(parts, extras(t, theirs)...)
}

// pair finds for each recorded component of one type the received one that it is, or became: equal
// contents first (at the same index before others), then those that an explanation joins, then the
// rest in their order.
func pair(t message.Type, ours []*recorded, theirs []*arrival, became map[uint16]uint16) []Part {
	parts := make([]Part, len(ours))
	open := make([]bool, len(ours))
	settle := func(i int, a *arrival, outcome Outcome, kind, detail string) {
		parts[i] = Part{Type: t, Index: ours[i].index, Received: ours[i].index, Outcome: outcome, Kind: kind, Detail: detail}
		open[i] = false
		if a != nil {
			a.taken = true
			parts[i].Received = a.Index
			parts[i].Added, parts[i].Cut, parts[i].Lines = a.added, a.cut, a.lines
			if a.banner != "" {
				parts[i].Outcome, parts[i].Kind, parts[i].Added, parts[i].Cut = Changed, BannerPut, a.banner, false
			}
			if t == message.Attachment {
				became[ours[i].index] = a.Index
			}
		}
	}
	for i, r := range ours {
		open[i] = true
		for _, a := range theirs {
			if !a.taken && a.Index == r.index && r.holds(a) {
				settle(i, a, Same, "", "")
				break
			}
		}
	}
	each := func(join func(i int, a *arrival) bool) {
		for i := range ours {
			for _, a := range theirs {
				if open[i] && !a.taken && join(i, a) {
					break
				}
			}
		}
	}
	row, _ := t.Info()
	if row.Unordered {
		each(func(i int, a *arrival) bool {
			if !ours[i].holds(a) {
				return false
			}
			settle(i, a, Same, "", "")
			parts[i].Moved = true
			return true
		})
	}
	each(func(i int, a *arrival) bool {
		if a.tried += a.Size(); a.tried > maxExplained && a.tried > a.Size() {
			return false
		}
		kind, detail := explain(row.Form, ours[i], a)
		if kind == "" {
			return false
		}
		settle(i, a, Changed, kind, detail)
		return true
	})
	each(func(i int, a *arrival) bool { settle(i, a, Changed, "", ""); return true })
	for i := range ours {
		if open[i] {
			settle(i, nil, Absent, Removed, "")
		}
	}
	return append(parts, extras(t, theirs)...)
}

// extras reports what arrived and was not recorded.
func extras(t message.Type, theirs []*arrival) []Part {
	var parts []Part
	row, _ := t.Info()
	for _, a := range theirs {
		if a.taken {
			continue
		}
		p := Part{Type: t, Index: a.Index, Outcome: Extra, Kind: Added}
		if t == message.Names {
			p.Detail = inWords(&a.Component)
		} else if row.Form != message.FormBytes {
			p.Detail = inWords(&a.Component)
			if p.Added, p.Cut = clip(string(a.readable())); p.Added == "" {
				p.Added, p.Cut = clip(string(a.Content()))
			}
		}
		p.Received = a.Index
		parts = append(parts, p)
	}
	return parts
}
