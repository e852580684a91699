package record

// The work that one comparison may do to explain differences, whatever arrived: about a tenth of a
// second of one core.
const (
	maxWork       = 64 << 20 // octets hashed
	strangersWork = 4 << 20  // where nobody is known to have made the record
	tryWork       = 512      // what one digest that is tried counts for
	tagWork       = 2048     // and one tag
)

// budget is what is left of that work. What it has no room for is not tried, so that the difference
// stays unexplained. The tries beside it are all that were made, for tests.
type budget struct{ left, tries, answers int }

// answersLeft is how many subjects of answers are still tried.
func (b *budget) answersLeft() *int {
	if b == nil {
		left := maxAnswers
		return &left
	}
	return &b.answers
}

// spend takes n off the budget, and reports whether it had so much.
func (b *budget) spend(n int) bool {
	if b == nil {
		return true
	}
	if n > b.left {
		return false
	}
	b.left -= n
	return true
}

// tried counts a try.
func (b *budget) tried() {
	if b != nil {
		b.tries++
	}
}

// none reports whether nothing is to be explained.
func (b *budget) none() bool { return b != nil && b.left <= 0 }

// allot gives the comparison with an origin its budget.
func (o *origin) allot(with Context) {
	o.budget = &budget{left: maxWork, answers: maxAnswers}
	if with.Stranger {
		o.budget.left = strangersWork
	}
	for i := range o.parts {
		o.parts[i].budget = o.budget
	}
}
