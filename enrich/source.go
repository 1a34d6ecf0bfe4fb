package enrich

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Problem is one thing wrong with a price file.
type Problem struct {
	File, Model, Key, What string
}

func (p Problem) Error() string {
	where := p.File
	for _, part := range []string{p.Model, p.Key} {
		if part != "" {
			where += ": " + part
		}
	}
	return where + ": " + p.What
}

// source is one price file while it is read.
type source struct {
	file, version string
	operator      bool
	problems      []error
	flags         []Problem
}

// metaKeys are keys of LiteLLM's file that are no models.
var metaKeys = []string{"sample_spec", "fallback_generalizations"}

func (s *source) refuse(model, key, what string) {
	s.problems = append(s.problems, Problem{s.file, model, key, what})
}

func (s *source) flag(model, key, what string) {
	s.flags = append(s.flags, Problem{s.file, model, key, what})
}

// load reads a file into a book.
func (s *source) load(data []byte, b *Book) error {
	entries, err := members(data)
	if err != nil {
		return fmt.Errorf("read %s: %w", s.file, err)
	}
	read := s.liteLLM
	if i := slices.IndexFunc(entries, func(m member) bool { return m.key == compactMark }); i >= 0 {
		if entries, err = s.compactEntries(entries); err != nil {
			return fmt.Errorf("read %s: %w", s.file, err)
		}
		read = s.compact
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if slices.Contains(metaKeys, e.key) {
			continue
		}
		if seen[e.key] {
			s.refuse(e.key, "", "is there twice")
		}
		seen[e.key] = true
		m := &model{key: e.key, operator: s.operator, periods: s.periods(e, read)}
		if len(m.periods) > 0 {
			b.put(m)
		}
	}
	b.flags = append(b.flags, s.flags...)
	return errors.Join(s.problems...)
}

// recordFunc reads one record; noPrice tells that it marks itself as a name without a price.
type recordFunc func(model string, rec map[string]any) (r *rates, noPrice bool)

// periods reads what a model is mapped to: a record, or a list of dated ones.
func (s *source) periods(e member, read recordFunc) []period {
	v, err := decode(e.value)
	if err != nil {
		s.refuse(e.key, "", err.Error())
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		return []period{s.period(e.key, v, "-", read)}
	case []any:
		return s.dated(e.key, v, read)
	}
	s.refuse(e.key, "", "is neither a record nor a list of dated records")
	return nil
}

func (s *source) period(model string, rec map[string]any, from string, read recordFunc) period {
	r, noPrice := read(model, rec)
	s.check(model, r)
	return period{rates: r, noPrice: noPrice, version: s.version + "@" + from}
}

// dated reads a list of {effective_from, effective_to, since_launch, utc_time_window, prices}.
func (s *source) dated(model string, list []any, read recordFunc) []period {
	var out []period
	for i, item := range list {
		entry, _ := item.(map[string]any)
		prices, ok := entry["prices"].(map[string]any)
		if !ok {
			s.refuse(model, fmt.Sprintf("[%d].prices", i), "is no record")
			continue
		}
		from, _ := entry["effective_from"].(string)
		p := s.period(model, prices, strings.TrimSpace(from), read)
		s.dates(model, i, entry, &p)
		out = append(out, p)
	}
	if len(list) == 0 {
		s.refuse(model, "", "is an empty list")
	}
	slices.SortStableFunc(out, func(a, b period) int { return a.from.Compare(b.from) })
	for i := 1; i < len(out); i++ {
		if out[i].from.Equal(out[i-1].from) && out[i].window == out[i-1].window {
			s.refuse(model, "", "has two prices from the same moment on")
		}
	}
	return out
}

func (s *source) dates(model string, i int, entry map[string]any, p *period) {
	at := func(key string) string { return fmt.Sprintf("[%d].%s", i, key) }
	text := func(key string, required bool, read func(string) error) {
		v, present := entry[key]
		if v == nil && !required {
			return
		}
		str, ok := v.(string)
		if !present || !ok {
			s.refuse(model, at(key), "is no text")
		} else if err := read(str); err != nil {
			s.refuse(model, at(key), err.Error())
		}
	}
	text("effective_from", true, func(v string) (err error) { p.from, err = parseDate(v); return err })
	text("effective_to", false, func(v string) (err error) { p.to, err = parseDate(v); return err })
	text("utc_time_window", false, func(v string) (err error) { p.window, err = parseWindow(v); return err })
	switch v := entry["since_launch"].(type) {
	case nil:
	case bool:
		p.sinceLaunch = v
	default:
		s.refuse(model, at("since_launch"), "is neither true nor false")
	}
	if !p.to.IsZero() && !p.from.Before(p.to) {
		s.refuse(model, at("effective_to"), "is not after effective_from")
	}
	for _, key := range slices.Sorted(maps.Keys(entry)) {
		if !slices.Contains(datedKeys, key) {
			s.refuse(model, at(key), "is no key of a dated price")
		}
	}
}

var datedKeys = []string{"effective_from", "effective_to", "since_launch", "utc_time_window", "prices"}

// member is one key of a JSON object with its value.
type member struct {
	key   string
	value json.RawMessage
}

// members are the keys of a JSON object in their order, twice-named ones included.
func members(data []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("want a JSON object"), err)
	}
	var out []member
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{key: t.(string)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return out, nil
}

// decode reads JSON and keeps the text of its numbers.
func decode(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

// numberText is the text of a JSON number or of a string that stands for one.
func numberText(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		return v.String(), true
	case string:
		return v, true
	}
	return "", false
}
