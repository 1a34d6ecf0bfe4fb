package schemas

// fillMeasures reads outcomes, ratings and evaluation results, which any event may carry beside what it is about.
func (d *Decoder) fillMeasures(e *Event, p *properties) {
	if !p.any(fTaskCompleted, fMetricValue) && p.get(fRetryCount).kind == absent {
		return
	}
	m, w := &e.Measures, &e.Warnings
	m.TaskCompleted, m.Accepted = d.truth(p.get(fTaskCompleted)), d.truth(p.get(fAccepted))
	m.Edited, m.Escalated = d.truth(p.get(fEdited)), d.truth(p.get(fEscalated))
	m.Resolved, m.Abandoned = d.truth(p.get(fResolved)), d.truth(p.get(fAbandoned))
	m.Feedback = polarity(d.word(p.get(fUserFeedback)))
	m.EvalName = d.name(p.get(fEvalName), w)
	m.EvalPassed = d.truth(p.get(fEvalPassed))
	m.EvalScore = score(d.optDecimal(p.get(fEvalScore)))
	m.EvalReasonCode = d.code(p.get(fEvalReason), w)
	m.Satisfaction, m.RevenueUSD = d.optDecimal(p.get(fSatisfaction)), d.optDecimal(p.get(fRevenue))
	m.SecondsSend = d.optDecimal(p.get(fSecondsToSend))
	if e.Kind != Call { // of a call it is its own retries
		m.Retries = d.whole(p.get(fRetryCount), 1<<31)
	}
}

// fillProduct reads what only ratings, outcomes and evaluations have. What they repeat of a call (its model, its cost) is
// read as stated and counts for nothing: only calls are billed.
func (d *Decoder) fillProduct(name string, e *Event, p *properties) Reason {
	switch name {
	case "$ai_metric":
		d.fillMetric(e, p)
	case "$ai_evaluation":
		d.fillEvaluation(e, p)
	}
	return d.fillUsage(e, p)
}

// fillMetric reads PostHog's metric: a name and a value that is always sent as text, a number or a verdict.
func (d *Decoder) fillMetric(e *Event, p *properties) {
	m := &e.Measures
	m.EvalName = d.name(p.get(fMetricName), &e.Warnings)
	v := p.get(fMetricValue)
	if m.EvalScore = score(d.optDecimal(v)); m.EvalScore.Ok {
		return
	}
	switch d.word(v) {
	case "good", "pass", "passed", "true", "positive":
		m.EvalPassed = Some(true)
	case "bad", "fail", "failed", "false", "negative":
		m.EvalPassed = Some(false)
	default:
		m.EvalReasonCode = d.code(v, &e.Warnings)
	}
}

// fillEvaluation reads a judge's result: a verdict, or a number within stated limits. One that does not apply has none.
func (d *Decoder) fillEvaluation(e *Event, p *properties) {
	m := &e.Measures
	if d.truth(p.get(fEvalApplicable)) == Some(false) {
		m.EvalPassed, m.EvalScore = Opt[bool]{}, Opt[Decimal]{}
		return
	}
	n := d.optDecimal(p.get(fEvalNumeric))
	if !n.Ok {
		return
	}
	low, high := d.optDecimal(p.get(fEvalMin)), d.optDecimal(p.get(fEvalMax))
	if low.V.Sign() == 0 && high.Ok && high.V.Cmp(NewDecimal(1, 0)) == 0 {
		high.Ok = false
	}
	if !high.Ok {
		m.EvalScore = score(n)
		return
	}
	m.EvalScore = share(n.V.Sub(low.V), high.V.Sub(low.V))
}

// share is part/whole with four decimals, absent if the part does not lie in the whole.
func share(part, whole Decimal) Opt[Decimal] {
	if part.Sign() < 0 || whole.Sign() <= 0 || part.Cmp(whole) > 0 {
		return Opt[Decimal]{}
	}
	const decimals = 10_000
	return Some(NewDecimal(int64(part.Float64()/whole.Float64()*decimals+0.5), 4).trim())
}

// score is a result from 0 to 1: above 1 it was sent as a percentage.
func score(n Opt[Decimal]) Opt[Decimal] {
	switch {
	case !n.Ok || n.V.Sign() < 0 || n.V.Cmp(NewDecimal(100, 0)) > 0:
		return Opt[Decimal]{}
	case n.V.Cmp(NewDecimal(1, 0)) > 0:
		return Some(n.V.Mul(NewDecimal(1, 2)).trim())
	}
	return n
}

func polarity(word string) Opt[int64] {
	switch word {
	case "positive":
		return Some[int64](1)
	case "negative":
		return Some[int64](-1)
	case "neutral":
		return Some[int64](0)
	}
	return Opt[int64]{}
}

// code is a slug, "" for anything that could be prose: a reason code is grouped by, and prose may be a user's words.
func (d *Decoder) code(v value, w *Warnings) string {
	if v.kind != jsonString {
		return ""
	}
	if text, _ := d.plain(v); !wordLike(trimSpace(text)) {
		return ""
	}
	return d.name(v, w)
}

func (d *Decoder) optDecimal(v value) Opt[Decimal] {
	n, ok := d.decimal(v)
	return Opt[Decimal]{V: n, Ok: ok}
}
