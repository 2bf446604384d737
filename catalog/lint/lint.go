// Package lint finds what is allowed in a catalog and yet unsafe or surprising:
// reductions that count twice, keys that may be missing, documents that grow
// without end. It is pure as package catalog is: a checked catalog goes in,
// warnings come out, each with its place, the reason, and what to do.
//
// A rule warns only where it is right nearly always: what is a matter of taste
// is no rule, and what is wrong for certain is an error of package catalog.
package lint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"weir/catalog"
)

// Warning is one thing that a rule found.
type Warning struct {
	Rule string `json:"rule"`
	File string `json:"file"` // as the user would name it
	Line int    `json:"line"`
	Name string `json:"name"` // catalog name of what it is about
	What string `json:"what"` // what was found there
	Why  string `json:"why"`  // what may come of it
	Do   string `json:"do"`   // what to do instead
}

// String prints file:line: rule: name: what.
func (w Warning) String() string {
	return fmt.Sprintf("%s:%d: %s: %s: %s", w.File, w.Line, w.Rule, w.Name, w.What)
}

// Options are what files alone do not tell.
type Options struct {
	// AtLeastOnce says whether a materialization's endpoint may get a document a
	// second time after a crash. Nil: none does.
	AtLeastOnce func(m *catalog.Materialization) bool
	// ConfigSchema gives the schema of an endpoint's configuration, which marks
	// what is secret in it; section is captures or materializations. Nil, or a nil
	// schema: nothing is known of it.
	ConfigSchema func(section, kind string) json.RawMessage
}

// Rule is one of the rules: what it warns of, why that is worth a warning, and
// what to do.
type Rule struct {
	Name  string
	Finds string
	Why   string
	Do    string

	check func(*run)
}

// Rules lists the rules, sorted by name.
func Rules() []Rule {
	all := slices.Concat(keyRules, reductionRules, derivationRules, endpointRules, deliveryRules, schemaRules)
	slices.SortFunc(all, func(a, b Rule) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Check applies all rules to a checked catalog. Warnings come sorted by place.
func Check(c *catalog.Catalog, o Options) []Warning {
	r := &run{catalog: c, options: o, seen: map[string][]spot{}}
	for _, rule := range Rules() {
		r.rule = rule
		rule.check(r)
	}
	slices.SortFunc(r.warnings, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Name, b.Name), cmp.Compare(a.What, b.What))
	})
	return slices.Compact(r.warnings)
}

// run is one check of a catalog.
type run struct {
	catalog  *catalog.Catalog
	options  Options
	rule     Rule // that is being checked
	seen     map[string][]spot
	warnings []Warning
}

// warn adds a warning of the rule at an origin.
func (r *run) warn(at catalog.Origin, name, format string, args ...any) {
	r.warnings = append(r.warnings, Warning{
		Rule: r.rule.Name, File: r.catalog.Shown(at.File), Line: at.Line, Name: name,
		What: fmt.Sprintf(format, args...), Why: r.rule.Why, Do: r.rule.Do,
	})
}

// collections calls fn with every collection, in the order of names.
func (r *run) collections(fn func(*catalog.Collection)) {
	for _, name := range catalog.Names(r.catalog.Collections) {
		fn(r.catalog.Collections[name])
	}
}

// within is the place of something inside an entity of the catalog.
func (r *run) within(at catalog.Origin, section, name string, tokens ...any) catalog.Origin {
	pointer := "/" + section + "/" + escape(name)
	for _, token := range tokens {
		pointer += "/" + escape(fmt.Sprint(token))
	}
	return r.catalog.At(at.File, pointer)
}

func escape(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}
