package classify

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/tracetally/tracetally/schemas"
)

//go:embed data/rules/*.yaml data/components.yaml
var dataFiles embed.FS

// rule is one line of evidence and what it means. Every condition that is given must hold; a list holds when one of its
// entries does. Names of conditions are those of the files.
type rule struct {
	Rule   string `yaml:"rule"` // stable name, unique, "group.detail"
	Reason string `yaml:"reason"`
	Note   string `yaml:"note"`   // why, for the reader of the file
	Source string `yaml:"source"` // where the fact is documented

	Code    []string `yaml:"code"`    // level 1: a code of a field, or a word that cannot be English
	Text    []string `yaml:"text"`    // level 2: phrases, lower case, at words' edges unless * is at an end
	All     []string `yaml:"all"`     // and all of these
	Pattern []string `yaml:"pattern"` // and one of these expressions (RE2) in one of the texts; only with Text
	Type    []string `yaml:"type"`    // level 3: class names; * at one end
	Frame   []string `yaml:"frame"`   // level 4: phrases in file, module and function of the newest frames
	Context []string `yaml:"context"` // level 4: phrases in the failing line of code
	Status  []int    `yaml:"status"`  // level 5: the HTTP status, the event's or one that the text states
	Hint    []string `yaml:"hint"`    // level 6: the event's status, "stage:NAME" or "category:NAME"

	Owner    []string `yaml:"owner"`     // the failing component, by class or name
	NotOwner []string `yaml:"not_owner"` //
	None     []string `yaml:"none"`      // none of these phrases is in the text
	NotCode  []string `yaml:"not_code"`
	NotType  []string `yaml:"not_type"`
	NotFrame []string `yaml:"not_frame"`
	// Unanswered asks that no HTTP error is stated: below one, a decoder that fails has only met the error's page.
	Unanswered bool `yaml:"unanswered"`

	// Usual marks evidence that several causes share: it decides only where nothing better is found on any level.
	Usual bool `yaml:"usual"`
	// Last marks what is assumed of a component when even usual evidence is missing.
	Last bool `yaml:"last"`

	info    ReasonInfo
	order   int
	level   int
	user    bool
	text    []int32
	all     []int32
	none    []int32
	frame   []int32
	context []int32
	notFr   []int32
	pattern *regexp.Regexp
	types   []typeName
	notType []typeName
}

// typeName is a class name to compare with, lower case, whole or open at one end.
type typeName struct {
	name            string
	prefix, postfix bool
}

// ruleSet is everything that was compiled from the files. It never changes afterwards.
type ruleSet struct {
	rules      []*rule
	byName     map[string]*rule
	reasons    map[string]ReasonInfo
	codes      map[string]bool // every code that a rule names
	typeNames  map[string]bool // every whole class name that a rule names
	components components
	matcher    *matcher
	phraseIDs  map[phrase]int32
}

// compileRules reads the built-in files and, before them, the user's own rules.
func compileRules(user []byte) (*ruleSet, error) {
	set := &ruleSet{
		byName: map[string]*rule{}, reasons: map[string]ReasonInfo{}, codes: map[string]bool{},
		typeNames: map[string]bool{}, phraseIDs: map[phrase]int32{},
	}
	for _, r := range Reasons() {
		set.reasons[r.Reason] = r
	}
	errs := []error{set.readComponents(), set.readFile("user rules", user, true)}
	names, err := dataFiles.ReadDir("data/rules")
	errs = append(errs, err)
	for _, entry := range names { // sorted by name, which is the order of the rules
		data, err := dataFiles.ReadFile(path.Join("data/rules", entry.Name()))
		errs = append(errs, err, set.readFile(entry.Name(), data, false))
	}
	errs = append(errs, set.buildMatcher())
	return set, errors.Join(errs...)
}

func (set *ruleSet) readFile(name string, data []byte, user bool) error {
	var rules []*rule
	if err := yaml.UnmarshalWithOptions(data, &rules, yaml.Strict()); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	var errs []error
	for _, r := range rules {
		if r == nil {
			errs = append(errs, fmt.Errorf("read %s: empty rule", name))
			continue
		}
		r.user, r.order = user, len(set.rules)
		if err := set.compile(r); err != nil {
			errs = append(errs, fmt.Errorf("%s: rule %q: %w", name, r.Rule, err))
			continue
		}
		set.rules = append(set.rules, r)
		set.byName[r.Rule] = r
	}
	return errors.Join(errs...)
}

func (set *ruleSet) compile(r *rule) error {
	var errs []error
	var known bool
	if r.info, known = set.reasons[r.Reason]; !known {
		errs = append(errs, fmt.Errorf("unknown reason %q", r.Reason))
	}
	if _, twice := set.byName[r.Rule]; twice || r.Rule == "" {
		errs = append(errs, errors.New("name is empty or used twice"))
	}
	if r.level = leadingLevel(r); r.level == 0 {
		errs = append(errs, errors.New("no evidence asked for"))
	}
	if len(r.Pattern) > 0 {
		var err error
		if r.pattern, err = regexp.Compile(strings.Join(r.Pattern, "|")); err != nil {
			errs = append(errs, fmt.Errorf("compile pattern: %w", err))
		}
		if len(r.Text)+len(r.All) == 0 {
			errs = append(errs, errors.New("a pattern needs a phrase, so that it runs only where it may match"))
		}
	}
	errs = append(errs, set.checkOwners(r.Owner), set.checkOwners(r.NotOwner),
		checkPhrases(r.Text, r.All, r.None, r.Frame, r.Context, r.NotFrame))
	r.text, r.all, r.none = set.phrases(r.Text), set.phrases(r.All), set.phrases(r.None)
	r.frame, r.context, r.notFr = set.phrases(r.Frame), set.phrases(r.Context), set.phrases(r.NotFrame)
	r.types, r.notType = set.types(r.Type), set.types(r.NotType)
	for i, code := range r.Code {
		r.Code[i] = strings.ToLower(code)
		set.codes[r.Code[i]] = true
	}
	for i, code := range r.NotCode {
		r.NotCode[i] = strings.ToLower(code)
		set.codes[r.NotCode[i]] = true
	}
	return errors.Join(errs...)
}

// checkPhrases refuses a phrase that would match everything, or nothing that its writer meant.
func checkPhrases(lists ...[]string) error {
	for _, list := range lists {
		for _, text := range list {
			if p := parsePhrase(text); p.text == "" || strings.Contains(p.text, " * ") {
				return fmt.Errorf("phrase %q: a * stands at an end only, beside letters", text)
			}
		}
	}
	return nil
}

// leadingLevel is the strongest kind of evidence that a rule asks for.
func leadingLevel(r *rule) int {
	switch {
	case len(r.Code) > 0:
		return 1
	case len(r.Text)+len(r.All) > 0:
		return 2
	case len(r.Type) > 0:
		return 3
	case len(r.Frame)+len(r.Context) > 0:
		return 4
	case len(r.Status) > 0:
		return 5
	case len(r.Hint) > 0:
		return 6
	}
	return 0
}

func (set *ruleSet) phrases(texts []string) []int32 {
	ids := make([]int32, 0, len(texts))
	for _, t := range texts {
		p := parsePhrase(t)
		id, known := set.phraseIDs[p]
		if !known {
			id = int32(len(set.phraseIDs))
			set.phraseIDs[p] = id
		}
		ids = append(ids, id)
	}
	return ids
}

func (set *ruleSet) types(names []string) []typeName {
	list := make([]typeName, 0, len(names))
	for _, n := range names {
		t := typeName{prefix: strings.HasSuffix(n, "*"), postfix: strings.HasPrefix(n, "*")}
		t.name = strings.ToLower(strings.Trim(n, "*"))
		if !t.prefix && !t.postfix {
			set.typeNames[t.name] = true
		}
		list = append(list, t)
	}
	return list
}

func (set *ruleSet) buildMatcher() (err error) {
	list := make([]phrase, len(set.phraseIDs))
	for p, id := range set.phraseIDs {
		list[id] = p
	}
	set.matcher, err = newMatcher(list)
	return err
}

// hintNames are the statuses of an event that hint at a cause (the analytics article's field status).
var hintNames = map[schemas.Status]string{
	schemas.StatusTimeout: "timeout", schemas.StatusBlocked: "blocked", schemas.StatusValidationFailed: "validation_failed",
}
