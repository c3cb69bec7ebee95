package problem

import "fmt"

// Within checks an object in a field: its fields are named as address.street. For one that
// may be missing, call it only if it is given.
func (r *Rules) Within(field string, rules func(r *Rules)) {
	r.inside(r.path(field), r.partial, rules)
}

// WithinGiven is Within of a change: the object's required fields may be missing.
func (r *Rules) WithinGiven(field string, rules func(r *Rules)) {
	r.inside(r.path(field), true, rules)
}

// Each checks the items of a list, of which there are n: their fields are named as
// items[2].quantity. An item that is no object has the field "". In a change, too, an item
// must have its required fields, since a list is replaced as a whole.
func (r *Rules) Each(field string, n int, rules func(i int, r *Rules)) {
	for i := range n {
		if len(r.broken) >= maxBroken {
			return
		}
		at := fmt.Sprintf("%s[%d]", r.path(field), i)
		if r.describe {
			at = r.path(field) + "[]"
		}
		r.inside(at, false, func(r *Rules) { rules(i, r) })
	}
}

// Count requires low to high items in a list, of which there are n.
func (r *Rules) Count(field string, n, low, high int) {
	r.note(Limit{Field: field, Rule: "Count", Low: int64(low), High: int64(high)})
	r.Check(n >= low && n <= high, field, fmt.Sprintf("must have %d to %d items", low, high))
}

// inside runs rules for the object or item at a path.
func (r *Rules) inside(at string, partial bool, rules func(r *Rules)) {
	outerAt, outerPartial := r.at, r.partial
	r.at, r.partial = at, partial
	defer func() { r.at, r.partial = outerAt, outerPartial }()
	rules(r)
}

// path is the name of a field as callers see it.
func (r *Rules) path(field string) string {
	if r.at == "" || field == "" {
		return r.at + field
	}
	return r.at + "." + field
}
