package main

import (
	"fmt"
	"strings"
)

// What a field is in each language. The templates call these.

// GoType is the type in the resource's struct.
func (f field) GoType() string {
	switch {
	case f.isNumber():
		return "int64"
	case f.Kind == "bool":
		return "bool"
	}
	return "string"
}

// Tag is the struct tag of the resource's field.
func (f field) Tag() string {
	if f.Optional {
		return "`json:\"" + f.Name.JSON() + ",omitempty\"`"
	}
	return "`json:\"" + f.Name.JSON() + "\"`"
}

// Comment says what the Go type does not.
func (f field) Comment() string {
	var says []string
	switch f.Kind {
	case "date":
		says = append(says, "a day, YYYY-MM-DD")
	case "enum":
		says = append(says, strings.Join(f.Options, ", "))
	case "int":
		says = append(says, fmt.Sprintf("%d to %d", f.Low, f.High))
	}
	if f.Optional {
		zero := "empty"
		if f.isNumber() {
			zero = "0"
		}
		says = append(says, zero+": none")
	}
	if len(says) == 0 {
		return ""
	}
	return " // " + strings.Join(says, "; ")
}

// Definition is the column in CREATE TABLE and ADD COLUMN. The value for rows that exist stays the default:
// the version of the program before does not know the column, and may write during a deployment.
func (f field) Definition(table string) string {
	column := f.Name.Column()
	text := column + " " + f.sqlType()
	if !f.Optional {
		text += " NOT NULL"
	}
	switch {
	case f.Existing != "":
		text += " DEFAULT " + f.Existing
	case !f.Required && !f.Optional:
		text += " DEFAULT " + f.zeroSQL()
	}
	switch f.Kind {
	case "enum":
		text += fmt.Sprintf(" CHECK (%s IN ('%s'))", column, strings.Join(f.Options, "', '"))
	case "int", "money":
		text += fmt.Sprintf(" CHECK (%s BETWEEN %d AND %d)", column, f.Low, f.High)
	case "ref":
		gone := "CASCADE"
		if f.Optional {
			gone = "SET NULL"
		}
		text += fmt.Sprintf(" CONSTRAINT %s REFERENCES %s (id) ON DELETE %s",
			f.Constraint(table, "fkey"), f.Refers.Table, gone)
	}
	if f.Unique {
		text += fmt.Sprintf(" CONSTRAINT %s UNIQUE", f.Constraint(table, "key"))
	}
	return text
}

// Constraint is the name of the field's constraint.
func (f field) Constraint(table, ending string) string {
	return table + "_" + f.Name.Column() + "_" + ending
}

func (f field) sqlType() string {
	switch {
	case f.isNumber():
		return "bigint"
	case f.Kind == "bool":
		return "boolean"
	case f.Kind == "date":
		return "date"
	}
	return "text"
}

func (f field) zeroSQL() string {
	switch {
	case f.isNumber():
		return "0"
	case f.Kind == "bool":
		return "false"
	}
	return "''"
}

// Select is the column as a statement reads it, so that Go can scan it.
func (f field) Select() string {
	column := f.Name.Column()
	text := column
	if f.Kind == "date" {
		text += "::text"
	}
	if f.Optional {
		text = "coalesce(" + text + ", " + f.zeroSQL() + ")"
	}
	if text != column {
		text += " AS " + column
	}
	return text
}

// Insert is the value of the parameter in INSERT.
func (f field) Insert(parameter int) string {
	text := fmt.Sprintf("$%d", parameter)
	switch {
	case f.Optional && f.Kind == "date":
		return "nullif(" + text + "::text, '')::date"
	case f.Optional:
		return "nullif(" + text + "::" + f.sqlType() + ", " + f.zeroSQL() + ")"
	case !f.Required:
		return "coalesce(" + text + ", " + f.zeroSQL() + ")"
	}
	return text
}

// Update is what UPDATE assigns for the parameter; NULL leaves the column as it is.
func (f field) Update(parameter int) string {
	column := f.Name.Column()
	if f.Optional {
		kind := f.sqlType()
		if f.Kind == "date" {
			kind = "text"
		}
		return fmt.Sprintf("CASE WHEN $%d::%s IS NULL THEN %s ELSE %s END", parameter, kind, column, f.Insert(parameter))
	}
	return fmt.Sprintf("coalesce($%d, %s)", parameter, column)
}

// Rule is the statement that checks a given value.
func (f field) Rule() string {
	json, value := f.Name.JSON(), "*f."+f.Name.Go()
	low := 0
	if f.Required {
		low = 1
	}
	switch f.Kind {
	case "string":
		return fmt.Sprintf("r.Line(%q, %s, %d, 200)", json, value, low)
	case "text":
		return fmt.Sprintf("r.Text(%q, %s, %d, 5000)", json, value, low)
	case "url":
		return fmt.Sprintf("r.URL(%q, %s, 500)", json, value)
	case "date":
		return fmt.Sprintf("r.Date(%q, %s)", json, value)
	case "enum":
		return fmt.Sprintf("r.OneOf(%q, %s, %s)", json, value, quoted(f.Options))
	case "int", "money":
		return fmt.Sprintf("r.Between(%q, %s, %s, %s)", json, value, grouped(f.Low), grouped(f.High))
	case "ref":
		return fmt.Sprintf("r.Check(%s > 0, %q, \"must be a positive number\")", value, json)
	}
	return ""
}

// Condition is when the rule holds: for an optional field, not where it is removed.
func (f field) Condition() string {
	given := "f." + f.Name.Go() + " != nil"
	if f.Optional && f.Kind != "string" && f.Kind != "text" {
		zero := `""`
		if f.isNumber() {
			zero = "0"
		}
		given += " && *f." + f.Name.Go() + " != " + zero
	}
	return given
}

// Removable reports whether null removes the value in a merge patch.
func (f field) Removable() bool { return !f.Required && (f.Optional || f.GoType() == "string") }

func quoted(texts []string) string {
	return `"` + strings.Join(texts, `", "`) + `"`
}
