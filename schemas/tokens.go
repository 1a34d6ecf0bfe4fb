package schemas

// Tokens are a call's counts as the tables hold them: whole numbers, Input and Output whole, the others parts of them.
// Counts that contradict each other are absent.
type Tokens struct {
	Input, Output, CacheRead, CacheWrite, Reasoning Opt[int64]
}

// Tokens reads the counts after enrich has applied the convention of the event.
func (u *Usage) Tokens() Tokens {
	t := Tokens{Input: u.TotalInput, Output: u.TotalOutput}
	if u.TotalInput.Ok {
		t.CacheRead, t.CacheWrite = whole(u.CacheReadTokens), whole(u.CacheWriteTokens)
	}
	if u.TotalOutput.Ok {
		t.Reasoning = whole(u.ReasoningTokens)
	}
	return t
}

func whole(c Count) Opt[int64] {
	n, ok := c.Int()
	return Opt[int64]{V: n, Ok: ok}
}
