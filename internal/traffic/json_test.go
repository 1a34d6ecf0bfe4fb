package traffic

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestBothDialectsSayTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		n := rapid.Int64().Draw(t, "n")
		o := object{{s, []any{s, n, true, nil, object{{"é", s}}}}}
		want := map[string]any{s: []any{s, json.Number(compact.encode(n)), true, nil, map[string]any{"é": s}}}
		for _, d := range []dialect{compact, pythonic} {
			var got map[string]any
			if err := decode(d.encode(o), &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("dialect %d: %s decodes to %v, %v", d, d.encode(o), got, err)
			}
		}
	})
}

func TestPythonWritesASCIIWithBlanks(t *testing.T) {
	got := string(pythonic.encode(object{{"a", "é☂😀"}, {"b", []any{1, 2}}}))
	if want := `{"a": "\u00e9\u2602\ud83d\ude00", "b": [1, 2]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(v)
}
