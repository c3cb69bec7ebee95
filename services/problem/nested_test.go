package problem

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

type orderItem struct {
	Lamp     *string
	Quantity int64
}

type order struct {
	Items   []orderItem
	Tags    []string
	Address *struct {
		Street *string
		Town   string
	}
	Note *string
}

func (o order) rules(r *Rules) {
	r.Count("items", len(o.Items), 1, 3)
	r.Each("items", len(o.Items), func(i int, r *Rules) {
		r.Require("lamp", o.Items[i].Lamp != nil)
		r.Between("quantity", o.Items[i].Quantity, 1, 9)
	})
	r.Each("tags", len(o.Tags), func(i int, r *Rules) { r.Line("", o.Tags[i], 1, 5) })
	if o.Address != nil {
		r.Within("address", func(r *Rules) {
			r.Require("street", o.Address.Street != nil)
			r.Line("town", o.Address.Town, 1, 20)
		})
	}
	if o.Note != nil {
		r.Text("note", *o.Note, 1, 10)
	}
	r.Check(len(o.Tags) < 3, "tags", "are too many")
}

func TestRules_NameNestedFieldsByTheirPaths(t *testing.T) {
	address := &struct {
		Street *string
		Town   string
	}{}
	lamp, all := new("lamp"), "items items[0].lamp items[0].quantity items[1].lamp items[1].quantity "+
		"items[2].lamp items[2].quantity items[3].lamp items[3].quantity note"
	for _, c := range []struct {
		give           order
		whole, changed string
	}{
		{order{Items: []orderItem{{lamp, 1}}, Tags: []string{"a"}}, "", ""},
		{order{}, "items", "items"},
		{order{Items: []orderItem{{lamp, 1}, {nil, 0}}}, "items[1].lamp items[1].quantity", "items[1].lamp items[1].quantity"},
		{order{Items: make([]orderItem, 4), Note: new("")}, all, all},
		{order{Items: []orderItem{{lamp, 1}}, Tags: []string{"", "b", "too long"}}, "tags[0] tags[2] tags", "tags[0] tags[2] tags"},
		{order{Items: []orderItem{{lamp, 1}}, Address: address}, "address.street address.town", "address.town"},
	} {
		whole, changed := fieldsOf(Check(c.give.rules)), fieldsOf(CheckGiven(c.give.rules))
		if strings.Join(whole, " ") != c.whole || strings.Join(changed, " ") != c.changed {
			t.Errorf("%+v: broken are %q, and %q of a change", c.give, whole, changed)
		}
	}
}

func TestRules_WithinGivenLetRequiredFieldsBeMissing(t *testing.T) {
	lamp := func(r *Rules) {
		r.Require("name", false)
		r.Between("watts", 0, 1, 9)
		r.Each("parts", 1, func(_ int, r *Rules) { r.Require("name", false) })
	}
	rules := func(r *Rules) {
		r.WithinGiven("lamp", lamp)
		r.Require("room", false)
	}
	if got := strings.Join(fieldsOf(Check(rules)), " "); got != "lamp.watts lamp.parts[0].name room" {
		t.Errorf("broken are %q", got)
	}
	var told []string
	for _, l := range Limits(rules) {
		told = append(told, l.Field+" "+l.Rule)
	}
	if got := strings.Join(told, ", "); got != "lamp.watts Between, lamp.parts[].name Require, room Require" {
		t.Errorf("told are %q", got)
	}
}

func fieldsOf(err error) (names []string) {
	if e, ok := errors.AsType[*Error](err); ok {
		for _, f := range e.Fields {
			names = append(names, f.Field)
		}
	}
	return names
}

func TestRules_TellABoundedNumberOfBrokenOnes(t *testing.T) {
	checked := 0
	err := Check(func(r *Rules) {
		r.Each("items", 1_000_000, func(_ int, r *Rules) { checked++; r.Between("quantity", 0, 1, 9) })
		r.Check(false, "more", "is wrong")
	})
	if n := len(fieldsOf(err)); n != maxBroken || checked != maxBroken {
		t.Errorf("%d of %d are told, want %d", n, checked, maxBroken)
	}
}

func TestLimits_NameNestedFields(t *testing.T) {
	var told []string
	for _, l := range Limits(order{Items: make([]orderItem, 1), Tags: []string{""}}.rules) {
		told = append(told, fmt.Sprint(l.Field, " ", l.Rule))
	}
	if got, want := strings.Join(told, "; "), "items Count; items[].lamp Require; items[].quantity Between; tags[] Line; tags[] Text"; got != want {
		t.Errorf("told is %q, want %q", got, want)
	}
}
