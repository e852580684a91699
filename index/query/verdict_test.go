package query

import (
	"errors"
	"strings"
	"testing"

	"cairn/consensus/record"
)

func TestVerdicts(t *testing.T) {
	for _, v := range record.Verdicts() {
		if q, err := Parse("verdict:"+strings.ToUpper(string(v)), now); err != nil || q != Q(Label{VerdictPrefix + string(v)}) || q.String() != "verdict:"+string(v) {
			t.Errorf("%s: %v, %v", v, q, err)
		}
	}
	for text, says := range map[string]string{
		"verdict:chnaged":   `there is no verdict "chnaged"; did you mean verdict:changed? verdicts are verified vouched`,
		"verdict:verifed":   "did you mean verdict:verified?",
		"verdict:ok":        `there is no verdict "ok"; verdicts are`,
		"x or verdict:spam": `there is no verdict "spam"; verdicts are`,
		"verdict:" + strings.Repeat("changed", 900): "there is no verdict",
		`verdict:""`: `there is no verdict ""; verdicts are`,
	} {
		q, err := Parse(text, now)
		var fault *Error
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40s: %v, %v", text, q, err)
		}
	}
	// A label of that kind that is no verdict can still be asked for, and written.
	q, err := Parse("label:verdict/ok", now)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Parse(q.String(), now); err != nil || again != q {
		t.Errorf("%s comes back as %v, %v", q, again, err)
	}
}
