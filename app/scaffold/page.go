package main

import (
	"fmt"
	"strings"
)

// What a field is on a page. The templates of pages call these.

// FormName is the name of the field's input: an amount is filled in as 12.50.
func (f field) FormName() string { return strings.TrimSuffix(f.Name.JSON(), "Cents") }

// Label is what stands beside the input.
func (f field) Label() string {
	words := strings.TrimSuffix(strings.TrimSuffix(f.Name.Words(), " cents"), " id")
	if f.Name.snake == "url" {
		return "URL"
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// Control is the field's input in the form's template.
func (f field) Control() string {
	required := ""
	if f.Required || f.isNumber() && !f.Optional {
		required = " required"
	}
	switch f.Kind {
	case "text":
		return `<textarea [[template "attributes" .]] rows="6" maxlength="5000"` + required +
			">[[/* the first line break is dropped */]]\n[[.Value]]</textarea>"
	case "enum":
		var b strings.Builder
		b.WriteString(`[[$chosen := .Value]]<select [[template "attributes" .]]` + required + ">\n")
		options := f.Options
		if f.Optional || f.Required { // else a new row would get the first one unasked
			options = append([]string{""}, options...)
		}
		for _, option := range options {
			fmt.Fprintf(&b, "    <option value=\"%[1]s\"[[if eq \"%[1]s\" $chosen]] selected[[end]]>%[1]s</option>\n", option)
		}
		return b.String() + "  </select>"
	case "bool":
		return `<input [[template "attributes" .]] type="checkbox" value="true"[[if eq .Value "true"]] checked[[end]]>`
	case "date":
		return `<input [[template "attributes" .]] type="date" value="[[.Value]]"` + required + `>`
	case "url":
		return `<input [[template "attributes" .]] type="url" value="[[.Value]]" maxlength="500"` + required + `>`
	case "money":
		return `<input [[template "attributes" .]] value="[[.Value]]" inputmode="decimal" autocomplete="off"` + required + `>`
	case "int", "ref":
		return `<input [[template "attributes" .]] value="[[.Value]]" inputmode="numeric" autocomplete="off"` + required + `>`
	}
	return `<input [[template "attributes" .]] value="[[.Value]]" maxlength="200"` + required + `>`
}

// Shown is the field's value on the page of a row.
func (f field) Shown() string {
	value := "[[." + f.Name.Go() + "]]"
	switch f.Kind {
	case "money":
		value = "[[price ." + f.Name.Go() + "]]"
	case "bool":
		value = "[[if ." + f.Name.Go() + "]]yes[[else]]no[[end]]"
	case "url":
		value = fmt.Sprintf(`<a href="[[.%[1]s]]" rel="nofollow noopener">[[.%[1]s]]</a>`, f.Name.Go())
	}
	if f.Optional {
		value = "[[if ." + f.Name.Go() + "]]" + value + "[[end]]"
	}
	return value
}

// FormText is the stored value as the form shows it, a Go expression.
func (f field) FormText(variable string) string {
	value := variable + "." + f.Name.Go()
	text := value
	switch {
	case f.Kind == "money":
		text = "web.Amount(" + value + ")"
	case f.isNumber() && f.Optional:
		text = "web.Digits(" + value + ")"
	case f.isNumber():
		text = "strconv.FormatInt(" + value + ", 10)"
	case f.Kind == "bool":
		return "strconv.FormatBool(" + value + ")"
	}
	return text
}

// FormValue is the field that was filled in, a Go expression.
func (f field) FormValue() string {
	text := fmt.Sprintf("f.Text(%q)", f.FormName())
	switch {
	case f.Kind == "money":
		text = fmt.Sprintf("f.Cents(%q, %d)", f.FormName(), f.High)
	case f.isNumber():
		text = fmt.Sprintf("f.Number(%q)", f.FormName())
	case f.Kind == "bool":
		return fmt.Sprintf(`new(f.Value(%q) == "true")`, f.FormName())
	}
	if f.Optional && f.isNumber() {
		return "cmp.Or(" + text + ", new(int64(0)))"
	}
	return text
}

// FormExample is the n-th value as a browser sends it, a Go expression.
func (f field) FormExample() string {
	switch {
	case f.Kind == "money":
		return fmt.Sprintf(`fmt.Sprintf("%%.2f", float64(%s)/100)`, f.variedNumber())
	case f.Kind == "ref":
		return "strconv.FormatInt(" + f.AppValue() + ", 10)"
	case f.isNumber() || f.Kind == "bool":
		return "fmt.Sprint(" + f.Varied() + ")"
	}
	return f.Varied()
}

// RequiredNumbers are the names of the numbers that a form must have.
func (r resource) RequiredNumbers() string {
	var names []string
	for _, f := range r.Fields {
		if f.isNumber() && !f.Optional {
			names = append(names, `"`+f.FormName()+`"`)
		}
	}
	return strings.Join(names, ", ")
}

// FormNames are the names of the form's inputs.
func (r resource) FormNames() string {
	names := r.each(func(_ int, f field) string { return fmt.Sprintf("%q", f.FormName()) })
	return wrap(append([]string{`"rowVersion"`}, names...), "\t\t", 80)
}

// FormInputs are the same, as the API document takes them.
func (r resource) FormInputs() string {
	names := r.each(func(_ int, f field) string { return fmt.Sprintf("%q", f.FormName()+"?") })
	return wrap(append([]string{`"rowVersion?=^[1-9][0-9]*$"`}, names...), "\t\t", 80)
}

// Title is the heading of the list.
func (r resource) Title() string { return strings.ToUpper(r.Words()[:1]) + r.Words()[1:] }

// heading is the field that names a row: the first text that it must have.
func (r resource) heading() (name, bool) {
	for _, f := range r.Fields {
		if f.Kind == "string" && f.Required {
			return f.Name, true
		}
	}
	return name{}, false
}

// TitleOf is the heading of a row's page, a Go expression.
func (r resource) TitleOf() string {
	if n, ok := r.heading(); ok {
		return r.Local() + "." + n.Go()
	}
	return fmt.Sprintf("%q + strconv.FormatInt(id, 10)", strings.ToUpper(r.Word()[:1])+r.Word()[1:]+" ")
}

// TitleInList is a row's name in the list.
func (r resource) TitleInList() string {
	if n, ok := r.heading(); ok {
		return "[[." + n.Go() + "]]"
	}
	return strings.ToUpper(r.Word()[:1]) + r.Word()[1:] + " [[.ID]]"
}
