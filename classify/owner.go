package classify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/tracetally/tracetally/schemas"
)

// component is a library or service that can fail: its class says what its failure means.
type component struct {
	Name  string `yaml:"name"`
	Class string `yaml:"class"` // store, llm, loader, parser, tool, agent, engine, transport
	// Modules are segments of module names and paths: "qdrant_client" is found in qdrant_client.http.exceptions and in
	// site-packages/qdrant_client/x.py. "a/b" is two segments in a row.
	Modules []string `yaml:"modules"`
	Types   []string `yaml:"types"` // class names that only this component has; * at one end
	Words   []string `yaml:"words"` // phrases that name it in a text
	Ports   []string `yaml:"ports"` // its well-known ports
	Source  string   `yaml:"source"`

	words     []int32
	typeNames []typeName
}

type components struct {
	list    []*component
	modules map[string]*component
	classes map[string]bool
	anyLLM  *component // stands for an API that only the event's own form names
}

// owner is the component that failed, as far as it can be seen.
type owner struct {
	*component
	weight int
}

// portForms is in how many ways a text gives a port: host:1, port=1, port 1, port: 1 and Python's ('host', 1).
const portForms = 5

// How much a sight of a component is worth. A class's module is proof; a frame says where control was; a word may be
// a quotation. Depth is added to the first two: between equals the innermost link decides.
const (
	ownerByEvent    = 1
	ownerByWord     = 100
	ownerByPort     = 200
	ownerByAppFrame = 500
	ownerByFrame    = 1000
	ownerByType     = 2000
	ownerByModule   = 3000
)

func (set *ruleSet) readComponents() error {
	c := components{modules: map[string]*component{}, classes: map[string]bool{}}
	data, err := dataFiles.ReadFile("data/components.yaml")
	if err != nil {
		return fmt.Errorf("read components: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(data, &c.list, yaml.Strict()); err != nil {
		return fmt.Errorf("read components: %w", err)
	}
	for _, item := range c.list {
		c.classes[item.Class], c.classes[item.Name] = true, true
		if item.Name == "any_llm" {
			c.anyLLM = item
		}
		for _, m := range item.Modules {
			c.modules[m] = item
		}
		item.typeNames = set.types(item.Types)
		for _, p := range item.Ports {
			item.Words = append(item.Words, ":"+p, "port="+p, "port "+p, "port: "+p, "', "+p)
		}
		item.words = set.phrases(item.Words)
	}
	set.components = c
	return nil
}

func (set *ruleSet) checkOwners(names []string) error {
	for _, n := range names {
		if !set.components.classes[n] {
			return fmt.Errorf("unknown owner %q", n)
		}
	}
	return nil
}

func (f *facts) claim(c *component, weight int) {
	if c != nil && weight > f.owner.weight {
		f.owner = owner{c, weight}
	}
}

// ownerOfLink looks at the type, its module and the newest frame that names a component.
func (c *Classifier) ownerOfLink(f *facts, e *schemas.Exception, d depth) {
	set := &c.rules.components
	if owner := set.ofModule(e.Module); owner != nil && owner.Class != "transport" {
		f.claim(owner, ownerByModule+int(d))
	}
	if i := strings.LastIndexByte(e.Type, '.'); i > 0 { // a qualified class name carries its module
		if owner := set.ofModule(e.Type[:i]); owner != nil && owner.Class != "transport" {
			f.claim(owner, ownerByModule+int(d))
		}
	}
	for i := len(e.Frames) - 1; i >= max(0, len(e.Frames)-maxFrames); i-- {
		owner := set.ofModule(e.Frames[i].Filename)
		if owner == nil {
			owner = set.ofModule(e.Frames[i].Module)
		}
		if owner != nil && owner.Class != "transport" {
			weight := ownerByFrame
			if e.Frames[i].InApp { // a file of the application may be called after what it uses
				weight = ownerByAppFrame
			}
			f.claim(owner, weight+int(d))
			return
		}
	}
}

// ofModule finds the component of a module name or path, by its segments from the left.
func (set *components) ofModule(name string) *component {
	name = strings.ToLower(name[:min(len(name), maxFramePart)])
	segments := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("./\\@:", r) })
	var found *component
	for i, s := range segments {
		if i+1 < len(segments) {
			if c := set.modules[s+"/"+segments[i+1]]; c != nil {
				found = c
			}
		}
		if c := set.modules[s]; c != nil {
			found = c // the innermost segment is the most particular: langchain/vectorstores/chroma
		}
	}
	return found
}

// settleOwner adds what the whole event says: types, names and ports in its texts, and that a failed call names an API.
func (c *Classifier) settleOwner(f *facts, ev *schemas.Event) {
	set := &c.rules.components
	for _, item := range set.list {
		for i, id := range item.words {
			d := f.hits[inText][id]
			if d == 0 || item.Class == "transport" {
				continue
			}
			weight := ownerByWord
			if i >= len(item.words)-portForms*len(item.Ports) {
				weight = ownerByPort
			}
			f.claim(item, weight+int(d))
		}
		if d := typeDepth(item.typeNames, true, f); d > 0 {
			f.claim(item, ownerByType+int(d))
		}
	}
	if f.owner.component == nil && (f.call || ev.Provider != "" || ev.ProviderRaw != "") {
		f.claim(set.anyLLM, ownerByEvent)
	}
}

// is tells whether the owner has one of the names or classes.
func (o owner) is(names []string) bool {
	return o.component != nil && (slices.Contains(names, o.Class) || slices.Contains(names, o.Name))
}
