// Package settings loads a struct from environment variables and a file .env.
//
//	type Config struct {
//		Port    int                `env:"PORT" default:"3000" min:"0" max:"65535"`
//		Timeout time.Duration      `env:"TIMEOUT" default:"10s" min:"1s" max:"1h"`
//		Orders  settings.ServerURL `env:"ORDERS_URL"` // prints without its password
//		Cache   cache.Settings     // a struct of more settings
//	}
//
//	cfg, err := settings.Load[Config](os.Environ(), ".env")
//
// The environment wins over the file. A variable that is empty has its default, unless
// the field is tagged `empty:""`: then empty is a value. The tag `oneof:"text,json"`
// lists the allowed values. A struct may check more in a method Validate(*Problems). Load
// reports all problems in one error, and never quotes a value, which may be a secret.
package settings

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/joho/godotenv"
)

// Load returns the settings in environ, as os.Environ gives it, and in the file. The file
// may be missing.
func Load[T any](environ []string, file string) (T, error) {
	var cfg, none T
	values, err := readFile(file)
	if err != nil {
		return none, err
	}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		values[name] = value
	}
	p := new(Problems)
	for _, f := range Fields(&cfg) {
		text, set := values[f.Name]
		if !set || text == "" && !f.Empty {
			text = f.Default
		}
		if f.set(text) != nil {
			p.Check(false, f.Name, "must be %s", f.describe())
			_ = f.set(f.Default) // rules about other settings then see a possible value
		}
	}
	validate(reflect.ValueOf(&cfg).Elem(), p)
	if len(p.list) > 0 {
		return none, fmt.Errorf("the settings are not usable:\n%w", errors.Join(p.list...))
	}
	return cfg, nil
}

func readFile(name string) (map[string]string, error) {
	text, err := os.ReadFile(name) //nolint:gosec // the program names it
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	values, err := godotenv.UnmarshalBytes(bytes.TrimPrefix(text, []byte("\ufeff"))) // Windows editors begin so
	if err != nil {
		return nil, fmt.Errorf("read %s: the file is not made of NAME=value lines", name) // the cause quotes them
	}
	return values, nil
}

// Problems collects what is wrong with the settings.
type Problems struct{ list []error }

// Check adds a problem of the setting unless ok. The message must not hold a secret.
func (p *Problems) Check(ok bool, name, format string, args ...any) {
	problem := fmt.Errorf(name+": "+format, args...)
	same := func(other error) bool { return other.Error() == problem.Error() }
	if !ok && !slices.ContainsFunc(p.list, same) { // an embedded struct's rules may run twice
		p.list = append(p.list, problem)
	}
}

// validate calls Validate of the struct and of the structs in it.
func validate(v reflect.Value, p *Problems) {
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			validate(v.Field(i), p)
		}
	}
	if rules, ok := reflect.TypeAssert[interface{ Validate(p *Problems) }](v.Addr()); ok {
		rules.Validate(p)
	}
}

// Print writes all settings as NAME=value lines, without secrets. cfg is a pointer.
func Print(out io.Writer, cfg any) {
	for _, f := range Fields(cfg) {
		fmt.Fprintf(out, "%s=%s\n", f.Name, f.Masked())
	}
}

// Field is one setting.
type Field struct {
	Name, Default string
	Empty         bool // an empty value is not the default

	value         reflect.Value
	min, max, one string // tags
}

// Fields returns the settings of cfg, a pointer to a struct, in order.
func Fields(cfg any) []Field { return fieldsOf(reflect.ValueOf(cfg).Elem()) }

func fieldsOf(v reflect.Value) (all []Field) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		tag := field.Tag
		name, ok := tag.Lookup("env")
		switch {
		case ok:
			_, empty := tag.Lookup("empty")
			all = append(all, Field{
				name, tag.Get("default"), empty, v.Field(i), tag.Get("min"), tag.Get("max"), tag.Get("oneof"),
			})
		case field.Type.Kind() == reflect.Struct && field.IsExported():
			all = append(all, fieldsOf(v.Field(i))...)
		}
	}
	return all
}

// secret matches the names of settings whose texts are never shown.
var secret = regexp.MustCompile(`(^|_)(KEY|SECRET|TOKEN|PASSWORD|PASSPHRASE)(_|$)`)

// Masked is the setting's value to show: of a URL without the password, of a text with a
// name such as API_KEY or PAYMENT_SECRET nothing.
func (f Field) Masked() string {
	if f.value.Kind() == reflect.String && f.value.Len() > 0 && secret.MatchString(f.Name) {
		return "xxxxx"
	}
	return format(f.value)
}

// IsDefault reports whether the value is the default one.
func (f Field) IsDefault() bool {
	zero := reflect.New(f.value.Type()).Elem()
	return parse(zero, f.Default) == nil && reflect.DeepEqual(zero.Interface(), f.value.Interface())
}

var errBounds = errors.New("out of bounds")

// set parses the text into the field and checks its bounds.
func (f Field) set(text string) error {
	if err := parse(f.value, text); err != nil {
		return err
	}
	if f.one != "" && text != "" && !slices.Contains(strings.Split(f.one, ","), text) {
		return errBounds
	}
	if f.min != "" && !(number(f.value) >= f.bound(f.min)) || f.max != "" && !(number(f.value) <= f.bound(f.max)) {
		return errBounds // also NaN
	}
	return nil
}

func (f Field) bound(text string) float64 {
	limit := reflect.New(f.value.Type()).Elem()
	if err := parse(limit, text); err != nil {
		panic(fmt.Sprintf("the bound %q of %s: %v", text, f.Name, err)) // a mistake in the struct's tags
	}
	return number(limit)
}

func parse(v reflect.Value, text string) (err error) {
	v.SetZero()
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		return u.UnmarshalText([]byte(text))
	}
	var d time.Duration
	var b bool
	var n int64
	var x float64
	switch kind := v.Kind(); {
	case v.Type() == reflect.TypeFor[time.Duration]():
		d, err = time.ParseDuration(text)
		v.SetInt(int64(d))
	case v.Type() == reflect.TypeFor[*bool]():
		if text != "" {
			b, err = strconv.ParseBool(text)
			v.Set(reflect.ValueOf(&b))
		}
	case kind == reflect.String:
		v.SetString(text)
	case kind == reflect.Bool:
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case v.CanInt():
		n, err = strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
	case v.CanFloat():
		x, err = strconv.ParseFloat(text, 64)
		v.SetFloat(x)
	default:
		panic("settings of the type " + v.Type().String() + " are not supported")
	}
	return err
}

func number(v reflect.Value) float64 {
	if v.CanInt() {
		return float64(v.Int())
	}
	return v.Float()
}

// describe says what the field may be, after "must be".
func (f Field) describe() string {
	bounds := ""
	if f.min != "" && f.max != "" {
		bounds = " from " + f.min + " to " + f.max
	}
	if described, ok := reflect.TypeAssert[interface{ Describe() string }](f.value.Addr()); ok {
		return described.Describe()
	}
	switch f.value.Interface().(type) {
	case time.Duration:
		return "a duration" + bounds + ", such as 500ms, 10s or 24h"
	case slog.Level:
		return "debug, info, warn or error"
	case bool, *bool:
		return "true or false"
	case string:
		return strings.ReplaceAll(f.one, ",", " or ")
	case float64:
		return "a number" + bounds
	}
	return "a whole number" + bounds
}

// format writes a value as people do: 24h, not 24h0m0s; 536870912, not 5.36870912e+08.
func format(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return zeroUnits.ReplaceAllString(x.String(), "$1")
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case *bool:
		if x == nil {
			return ""
		}
		return strconv.FormatBool(*x)
	}
	return fmt.Sprint(v.Interface())
}

var zeroUnits = regexp.MustCompile(`([hm])(0m)?0s$`)
