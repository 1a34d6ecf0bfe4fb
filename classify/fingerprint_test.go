package classify

import (
	"regexp"
	"testing"

	"github.com/tracetally/tracetally/schemas"
)

func link(class, value string, frames ...schemas.Frame) *schemas.Sensitive {
	return &schemas.Sensitive{Exceptions: []schemas.Exception{{Type: class, Value: value, Frames: frames}}}
}

func TestFailuresOfOneCauseShareAFingerprint(t *testing.T) {
	app := schemas.Frame{Module: "app.rag", Function: "answer", InApp: true}
	lib := schemas.Frame{Module: "openai", Function: "create"}
	for name, pair := range map[string][2]*schemas.Sensitive{
		"numbers": {link("E", "limit 30000, used 29811"), link("E", "limit 30000, used 1")},
		"ids":     {link("E", "request req_8a7b6c failed"), link("E", "request req_1f2e3d failed")},
		"uuids":   {link("E", "point 6f1c1f5e-3c39-4b3a-9a55-0123456789ab is gone"), link("E", "point 00000000-3c39-4b3a-9a55-0123456789ab is gone")},
		"quotes":  {link("E", "key 'abc' is missing"), link("E", "key 'something else' is missing")},
		"urls":    {link("E", "GET https://a.example/x?y=1 failed"), link("E", "GET http://b.example/z failed")},
		"paths":   {link("E", "cannot open /app/data/x.pdf now"), link("E", "cannot open /srv/y/z.pdf now")},
		"blanks":  {link("E", "a  b\nc"), link("E", "a b c")},
		"library": {link("E", "x", app, lib), link("E", "x", app)},
		"client":  {{ClientFingerprint: "abc", ErrorText: "x"}, {ClientFingerprint: "abc", ErrorText: "y"}},
		"texts":   {{ErrorType: "E", ErrorText: "took 12 ms"}, {ErrorType: "E", ErrorText: "took 900 ms"}},
	} {
		if a, b := fingerprint(pair[0]), fingerprint(pair[1]); a != b {
			t.Errorf("%s: %s and %s", name, a, b)
		}
	}
}

func TestFailuresOfDifferentCausesDiffer(t *testing.T) {
	seen := map[string]string{}
	for name, s := range map[string]*schemas.Sensitive{
		"plain": link("E", "x"), "other type": link("F", "x"), "other message": link("E", "y"),
		"frame":       link("E", "x", schemas.Frame{Module: "app", Function: "f", InApp: true}),
		"other frame": link("E", "x", schemas.Frame{Module: "app", Function: "g", InApp: true}),
		"with cause":  {Exceptions: []schemas.Exception{{Type: "E", Value: "x"}, {Type: "F", Value: "y"}}},
		"other order": {Exceptions: []schemas.Exception{{Type: "F", Value: "y"}, {Type: "E", Value: "x"}}},
		"client":      {ClientFingerprint: "x"}, "text": {ErrorType: "E", ErrorText: "z"},
	} {
		f := fingerprint(s)
		if !regexp.MustCompile(`^v1:[0-9a-f]{16}$`).MatchString(f) {
			t.Errorf("%s: form of %q", name, f)
		}
		if other, twice := seen[f]; twice {
			t.Errorf("%s and %s share %s", name, other, f)
		}
		seen[f] = name
	}
}
