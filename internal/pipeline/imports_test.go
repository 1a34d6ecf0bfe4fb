package pipeline

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tracetally/tracetally/"

// deps lists what a package links, as `go list` says.
func deps(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", pkg).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}

func TestImportsFollowTheLine(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"consumer", "schemas", "enrich", "classify", "sink", "alerts"} {
		for _, d := range deps(t, module+stage) {
			ours := strings.HasPrefix(d, module)
			inside := d == module+stage || strings.HasPrefix(d, module+stage+"/") || d == module+"schemas" || d == module+"internal/secret"
			if ours && !inside {
				t.Errorf("%s links %s: a stage knows schemas, the type for secrets, and no neighbour", stage, d)
			}
		}
	}
}

func TestProductionLinksNoBrokerAndNoDatabase(t *testing.T) {
	t.Parallel()
	list := deps(t, module+"cmd/tracetally")
	for _, forbidden := range []string{
		"github.com/twmb/franz-go/pkg/kfake", "github.com/fergusstrange/embedded-postgres", module + "internal/localpg", "testing",
	} {
		if slices.Contains(list, forbidden) {
			t.Errorf("cmd/tracetally links %s", forbidden)
		}
	}
}
