package openapi

import (
	"strings"
	"testing"

	"example.com/prefab/services/problem"
)

type OrderFields struct {
	Items   []ItemFields `json:"items"`
	Tags    []string     `json:"tags"`
	Address *struct {
		Street *string  `json:"street"`
		Floors []*int64 `json:"floors"`
	} `json:"address"`
	Sender *Sender `json:"sender"`
}

type ItemFields struct {
	Lamp     *string `json:"lamp"`
	Quantity *int64  `json:"quantity"`
}

type Sender struct {
	Email *string `json:"email"`
}

func (f Sender) Rules(r *problem.Rules) {
	r.Require("email", f.Email != nil)
	if f.Email != nil {
		r.Line("email", *f.Email, 3, 9)
	}
}

func (f OrderFields) Rules(r *problem.Rules) {
	r.Require("items", f.Items != nil)
	r.Count("items", len(f.Items), 1, 50)
	r.Each("items", len(f.Items), func(i int, r *problem.Rules) {
		item := f.Items[i]
		r.Require("lamp", item.Lamp != nil)
		if item.Quantity != nil {
			r.Between("quantity", *item.Quantity, 1, 9)
		}
	})
	r.Each("tags", len(f.Tags), func(i int, r *problem.Rules) { r.OneOf("", f.Tags[i], "gift", "fragile") })
	if f.Address != nil {
		r.Within("address", func(r *problem.Rules) {
			r.Require("street", f.Address.Street != nil)
			r.Each("floors", len(f.Address.Floors), func(i int, r *problem.Rules) { r.Between("", *f.Address.Floors[i], 0, 3) })
		})
	}
	if f.Sender != nil {
		r.Within("sender", f.Sender.Rules)
	}
}

// NewSender has an object around the fields: {"sender": {…}}.
type NewSender struct {
	Sender *Sender `json:"sender"`
}

func (b NewSender) Rules(r *problem.Rules) {
	r.Require("sender", b.Sender != nil)
	if b.Sender != nil {
		r.Within("sender", b.Sender.Rules)
	}
}

// SenderChange has it too, of which only the fields given are written.
type SenderChange struct {
	Sender *Sender `json:"sender"`
}

func (b SenderChange) Rules(r *problem.Rules) {
	r.Require("sender", b.Sender != nil)
	if b.Sender != nil {
		r.WithinGiven("sender", b.Sender.Rules)
	}
}

// Where the rules of the owner differ from the type's own, they count.
func TestSchemas_OfAnObjectAroundTheFields(t *testing.T) {
	email := "a@b"
	at := describe(t,
		Operation{ID: "create", Method: "POST", Path: "/api/v1/senders", Answer: Lamp{}, Body: NewSender{}},
		Operation{ID: "update", Method: "PUT", Path: "/api/v1/senders/{id}", Answer: Lamp{}, Body: SenderChange{&Sender{&email}}},
	)
	for place, want := range map[string]string{
		"NewSender properties":  `{"sender":{"$ref":"#/components/schemas/Sender"}}`,
		"NewSender required":    `["sender"]`,
		"Sender required":       `["email"]`,
		"SenderChange required": `["sender"]`,
		"SenderChange properties": `{"sender":{"additionalProperties":false,"properties":{"email":{"description":"One line.",` +
			`"maxLength":9,"minLength":3,"pattern":"\\S","type":"string"}},"type":"object"}}`,
	} {
		if got := at(append([]string{"components", "schemas"}, strings.Fields(place)...)...); got != want {
			t.Errorf("%s: %s, want %s", place, got, want)
		}
	}
}

func TestSchemas_OfObjectsAndItemsComeFromTheRulesOfTheirOwner(t *testing.T) {
	quantity := int64(2)
	at := describe(t,
		Operation{
			ID: "create", Method: "POST", Path: "/api/v1/orders", Answer: Lamp{},
			Body: OrderFields{Items: []ItemFields{{Quantity: &quantity}}},
		},
		Operation{ID: "update", Method: "PATCH", Path: "/api/v1/orders/{id}", Body: OrderFields{}, Answer: Lamp{}},
	)
	const (
		item = `{"additionalProperties":false,"properties":{"lamp":{"type":"string"},` +
			`"quantity":{"format":"int64","maximum":9,"minimum":1,"type":"integer"}},"required":["lamp"],"type":"object"}`
		items   = `{"items":` + item + `,"maxItems":50,"minItems":1,"type":"array"}`
		address = `{"additionalProperties":false,"properties":{"floors":{"items":{"format":"int64","maximum":3,"minimum":0,` +
			`"type":"integer"},"type":"array"},"street":{"type":"string"}},"required":["street"],"type":"object"}`
	)
	for place, want := range map[string]string{
		"OrderFields required":                  `["items"]`,
		"OrderFields properties items":          items,
		"OrderFields properties tags":           `{"items":{"enum":["gift","fragile"],"type":"string"},"type":"array"}`,
		"OrderFields properties address":        address,
		"OrderFields properties sender":         `{"$ref":"#/components/schemas/Sender"}`,
		"Sender required":                       `["email"]`,
		"Sender properties email":               `{"description":"One line.","maxLength":9,"minLength":3,"pattern":"\\S","type":"string"}`,
		"ItemFields":                            "null", // it stands where it is used
		"OrderPatch properties items":           items,  // replaced as a whole
		"OrderPatch properties address":         strings.Replace(address, `"required":["street"],`, "", 1),
		"OrderPatch properties sender required": "null",
	} {
		if got := at(append([]string{"components", "schemas"}, strings.Fields(place)...)...); got != want {
			t.Errorf("%s: %s, want %s", place, got, want)
		}
	}
	body := at("paths", "/api/v1/orders", "post", "requestBody", "content", "application/json", "example")
	if want := `{"items":[{"quantity":2}]}`; body != want {
		t.Errorf("the example is %s, want %s", body, want)
	}
}
