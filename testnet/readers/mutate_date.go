package readers

// dateEdits change the date, or how it is written (RFC 5322, sections 3.3 and 4.3).
func dateEdits() []mutation {
	var list []mutation
	for _, v := range []struct{ name, value string }{
		{"no-day", "10 Mar 2024 10:44:31 +0000"}, {"wrong-day", "Mon, 10 Mar 2024 10:44:31 +0000"},
		{"gmt", "Sun, 10 Mar 2024 10:44:31 GMT"}, {"ut", "Sun, 10 Mar 2024 10:44:31 UT"},
		{"utc", "Sun, 10 Mar 2024 10:44:31 UTC"}, {"z", "Sun, 10 Mar 2024 10:44:31 Z"},
		{"military", "Sun, 10 Mar 2024 10:44:31 A"}, {"est", "Sun, 10 Mar 2024 10:44:31 EST"},
		{"cest", "Sun, 10 Mar 2024 10:44:31 CEST"}, {"ist", "Sun, 10 Mar 2024 10:44:31 IST"},
		{"comment-zone", "Sun, 10 Mar 2024 10:44:31 +0000 (EST)"},
		{"comment-only", "Sun, 10 Mar 2024 10:44:31 (EST)"},
		{"no-zone", "Sun, 10 Mar 2024 10:44:31"}, {"minus-zero", "Sun, 10 Mar 2024 10:44:31 -0000"},
		{"colon-zone", "Sun, 10 Mar 2024 10:44:31 +00:00"},
		{"gmt-offset", "Sun, 10 Mar 2024 10:44:31 GMT+0300"},
		{"gmt-colon", "Sun, 10 Mar 2024 10:44:31 +0000 GMT+3"},
		{"two-zones", "Sun, 10 Mar 2024 10:44:31 +0000 -0500"},
		{"big-zone", "Sun, 10 Mar 2024 10:44:31 +9900"},
		{"three-zone", "Sun, 10 Mar 2024 10:44:31 +000"},
		{"two-digit-year", "Sun, 10 Mar 24 10:44:31 +0000"},
		{"three-digit-year", "Sun, 10 Mar 124 10:44:31 +0000"},
		{"no-seconds", "Sun, 10 Mar 2024 10:44 +0000"},
		{"pm", "Sun, 10 Mar 2024 10:44:31 PM +0000"},
		{"am", "Sun, 10 Mar 2024 10:44:31 AM +0000"}, {"leap", "Sun, 10 Mar 2024 10:44:60 +0000"},
		{"hour-24", "Sun, 10 Mar 2024 24:44:31 +0000"},
		{"one-digit", "Sun, 10 Mar 2024 1:2:3 +0000"},
		{"iso", "2024-03-10T10:44:31Z"}, {"asctime", "Sun Mar 10 10:44:31 2024"},
		{"asctime-zone", "Sun Mar 10 10:44:31 2024 +0100"}, {"american", "03/10/2024 10:44:31"},
		{"month-first", "Mar 10, 2024 10:44:31 +0000"},
		{"long-month", "Sunday, 10 March 2024 10:44:31 +0000"},
		{"dashes", "Sun, 10-Mar-2024 10:44:31 +0000"}, {"lower", "sun, 10 mar 2024 10:44:31 +0000"},
		{"zero-day", "Sun, 010 Mar 2024 10:44:31 +0000"},
		{"garbage-behind", "Sun, 10 Mar 2024 10:44:31 +0000 evil"},
		{"garbage-before", "evil Sun, 10 Mar 2024 10:44:31 +0000"},
		{"comment-inside", "Sun, 10 (x) Mar 2024 10:44:31 +0000"},
		{"comment-number", "Sun, 10 Mar 2024 (2025) 10:44:31 +0000"},
		{"dots", "Sun, 10 Mar 2024 10.44.31 +0000"},
		{"fraction", "Sun, 10 Mar 2024 10:44:31.5 +0000"},
		{"day-32", "Sun, 32 Mar 2024 10:44:31 +0000"},
		{"feb-30", "Fri, 30 Feb 2024 10:44:31 +0000"}, {"empty", "(x)"},
		{"moved-second", "Sun, 10 Mar 2024 10:44:32 +0000"},
		{"moved-day", "Mon, 11 Mar 2024 10:44:31 +0000"},
		{"spaces", "Sun,  10  Mar  2024  10:44:31  +0000"},
		{"spaces-colon", "Sun, 10 Mar 2024 10 : 44 : 31 +0000"},
		{"no-comma", "Sun 10 Mar 2024 10:44:31 +0000"},
		{"day-behind", "10 Mar 2024 10:44:31 +0000 (Sun)"},
		{"year-5", "Sun, 10 Mar 12024 10:44:31 +0000"},
		{"folded", "Sun, 10 Mar 2024\r\n 10:44:31 +0000"},
		{"tab", "Sun, 10 Mar 2024\t10:44:31 +0000"},
		{"encoded-word", "=?utf-8?Q?Sun,_10_Mar_2024_10=3A44=3A31_+0000?="},
		{"other-zone", "Sun, 10 Mar 2024 16:14:31 +0530"},
	} {
		list = append(list, replaceField(v.name, "Date", func(dice, string) string {
			return v.value
		}))
	}
	return list
}
