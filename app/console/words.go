package console

// InWords says what the page says first, for whoever shows the State elsewhere: how the
// service is, why if not all is well, the worst first, and a few facts.
func (s State) InWords() (word string, causes []string, facts string) {
	v := judge(s)
	for _, c := range v.Causes {
		causes = append(causes, c.Text)
	}
	return v.Word, causes, v.Facts
}
