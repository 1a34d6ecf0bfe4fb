package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// mutant is a rule that was broken on purpose, and how.
type mutant struct {
	how  string
	rule rule
}

// mutants breaks a rule in every way that a test must notice: it never fires, always, at once, at another threshold, and
// without one of its conditions or one of its matchers.
func mutants(r rule) []mutant {
	var all []mutant
	add := func(how, expr string) {
		m := r
		m.Expr = expr
		all = append(all, mutant{how, m})
	}
	add("it never fires", "vector(0) > 1")
	add("it always fires", "vector(1)")
	if r.For != "" {
		m := r
		m.For = ""
		all = append(all, mutant{"without its for", m})
	}
	thresholds(r.Expr, add)
	conditions(r.Expr, add)
	matchers(r.Expr, add)
	return all
}

// comparison is an operator with the number behind it.
var comparison = regexp.MustCompile(`(>=|<=|==|!=|>|<)\s*([0-9.]+)`)

// thresholds doubles each number that something is compared with; twice 0 is 1 here.
func thresholds(expr string, add func(how, expr string)) {
	for _, at := range comparison.FindAllStringSubmatchIndex(expr, -1) {
		n, err := strconv.ParseFloat(expr[at[4]:at[5]], 64)
		if err != nil {
			continue // not a number, after all
		}
		twice := strconv.FormatFloat(max(1, 2*n), 'g', -1, 64)
		if 0 < n && n < 1 {
			twice = strconv.FormatFloat(2*n, 'g', -1, 64)
		}
		add(fmt.Sprintf("compared with %s instead of %s", twice, expr[at[4]:at[5]]), expr[:at[4]]+twice+expr[at[5]:])
	}
}

// conditions leaves out each line that begins with `unless` or `and`, each `unless` at the end of a line, and turns each
// `or` that stands alone on its line into `and`.
func conditions(expr string, add func(how, expr string)) {
	lines := strings.Split(expr, "\n")
	with := func(i int, line string) string {
		changed := append([]string(nil), lines...)
		changed[i] = line
		return strings.Join(changed, "\n")
	}
	for i, line := range lines {
		switch text := strings.TrimSpace(line); {
		case strings.HasPrefix(text, "unless "), strings.HasPrefix(text, "and "):
			add("without: "+text, with(i, ""))
		case text == "or":
			add("and instead of or", with(i, "and on (job)"))
		default:
			if before, condition, ok := strings.Cut(line, " unless "); ok {
				add("without: unless "+condition, with(i, before))
			}
		}
	}
}

// matcher is one condition on a label inside of braces.
var matcher = regexp.MustCompile(`[a-z_]+(?:=~|!~|!=|=)"[^"]*"(?:, )?`)

// matchers leaves out each of the expression's matchers, wherever it stands.
func matchers(expr string, add func(how, expr string)) {
	seen := map[string]bool{}
	for _, m := range matcher.FindAllString(expr, -1) {
		m = strings.TrimSuffix(m, ", ")
		if seen[m] {
			continue
		}
		seen[m] = true
		without := strings.NewReplacer(m+", ", "", ", "+m, "", "{"+m+"}", "").Replace(expr)
		add("without the matcher "+m, without)
	}
}
