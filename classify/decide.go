package classify

import "strings"

// candidate is a rule whose conditions hold, with the depth of its evidence.
type candidate struct {
	rule  *rule
	depth depth
}

// best is the candidate that decides, or none. A rule that could not win is not tried: most patterns never run.
func (c *Classifier) best(f *facts) candidate {
	var best candidate
	for _, r := range c.rules.rules {
		if best.rule != nil && !r.mayBeat(best.rule) {
			continue
		}
		if next := (candidate{r, r.holds(f)}); next.depth > 0 && next.beats(best) {
			best = next
		}
	}
	return best
}

// mayBeat tells whether r could win against best, whatever its depth.
func (r *rule) mayBeat(best *rule) bool {
	switch {
	case r.user != best.user:
		return r.user
	case r.tier() != best.tier():
		return r.tier() < best.tier()
	}
	return r.level <= best.level
}

// beats orders candidates: the user's own rules, then evidence of one cause before evidence that many share, then the
// level, then the innermost link, then the order of the files.
func (a candidate) beats(b candidate) bool {
	switch {
	case b.rule == nil:
		return true
	case a.rule.user != b.rule.user:
		return a.rule.user
	case a.rule.tier() != b.rule.tier():
		return a.rule.tier() < b.rule.tier()
	case a.rule.level != b.rule.level:
		return a.rule.level < b.rule.level
	case a.depth/linkStep != b.depth/linkStep:
		return a.depth > b.depth
	}
	return a.rule.order < b.rule.order
}

// tier is 0 for evidence of one cause, 1 for evidence that many share, 2 for what only names a component.
func (r *rule) tier() int {
	switch {
	case r.Last || Generic(r.Reason):
		return 2
	case r.Usual:
		return 1
	}
	return 0
}

// holds is the depth of the leading evidence if all conditions hold, else 0.
func (r *rule) holds(f *facts) depth {
	if len(r.Owner) > 0 && !f.owner.is(r.Owner) || len(r.NotOwner) > 0 && f.owner.is(r.NotOwner) {
		return 0
	}
	lead := depth(0)
	hold := func(d depth) bool { // the first one found leads; nearly every rule fails at the first that it asks for
		if lead == 0 {
			lead = max(d, 0)
		}
		return d != absent
	}
	if hold(deepest(r.Code, f.codes)) && hold(r.textDepth(f)) && hold(typeDepth(r.types, len(r.Type) > 0, f)) &&
		hold(hitDepth(r.frame, f.hits[inFrames])) && hold(hitDepth(r.context, f.hits[inContext])) &&
		hold(deepest(r.Status, f.statuses)) && hold(r.hintDepth(f)) && !r.refuted(f) {
		return r.patternDepth(f, lead)
	}
	return 0
}

// absent is the depth of a condition that was asked for and does not hold; 0 is one that was not asked for.
const absent depth = -1

// deepest is the depth of the deepest of some facts that a condition asks for, any of which will do.
func deepest[K comparable](asked []K, found map[K]depth) depth {
	if len(asked) == 0 {
		return 0
	}
	best := absent
	for _, k := range asked {
		if d := found[k]; d > 0 {
			best = max(best, d)
		}
	}
	return best
}

func (r *rule) textDepth(f *facts) depth {
	best := hitDepth(r.text, f.hits[inText])
	if best == absent {
		return absent
	}
	for _, id := range r.all {
		d := f.hits[inText][id]
		if d == 0 {
			return absent
		}
		best = max(best, d)
	}
	return best
}

// patternDepth runs the expression, which costs most and so comes last. It places the evidence where it matched, unless
// a code leads.
func (r *rule) patternDepth(f *facts, lead depth) depth {
	if r.pattern == nil {
		return lead
	}
	best := depth(0)
	for _, p := range f.texts[inText] {
		if p.depth > best && r.pattern.MatchString(p.text) {
			best = p.depth
		}
	}
	if best > 0 && r.level == 1 {
		return lead
	}
	return best
}

func hitDepth(ids []int32, hits []depth) depth {
	if len(ids) == 0 {
		return 0
	}
	best := absent
	for _, id := range ids {
		if hits[id] > 0 {
			best = max(best, hits[id])
		}
	}
	return best
}

func typeDepth(names []typeName, asked bool, f *facts) depth {
	if !asked {
		return 0
	}
	best := absent
	for _, t := range names {
		if d := t.find(f.types); d > 0 {
			best = max(best, d)
		}
	}
	return best
}

func (t typeName) find(types map[string]depth) depth {
	if !t.prefix && !t.postfix {
		return types[t.name]
	}
	best := depth(0)
	for name, d := range types {
		if t.prefix && strings.HasPrefix(name, t.name) || t.postfix && strings.HasSuffix(name, t.name) {
			best = max(best, d)
		}
	}
	return best
}

func (r *rule) hintDepth(f *facts) depth {
	if len(r.Hint) == 0 {
		return 0
	}
	for _, h := range r.Hint {
		if f.hinted(h) {
			return 1
		}
	}
	return absent
}

// hinted tells whether the event gives the hint: its status, "stage:NAME" or "category:NAME".
func (f *facts) hinted(hint string) bool {
	kind, name, named := strings.Cut(hint, ":")
	switch {
	case !named:
		return hint == hintNames[f.status]
	case kind == "stage":
		return name == f.stage
	}
	return kind == "category" && name == f.category
}

// refuted tells whether something is there that the rule excludes.
func (r *rule) refuted(f *facts) bool {
	for _, code := range r.NotCode {
		if f.codes[code] > 0 {
			return true
		}
	}
	if r.Unanswered && innermost(f.statuses) >= 400 {
		return true
	}
	return hitDepth(r.none, f.hits[inText]) > 0 || hitDepth(r.notFr, f.hits[inFrames]) > 0 ||
		typeDepth(r.notType, len(r.notType) > 0, f) > 0
}
