package handlers

import (
	"bytes"
	_ "embed"
)

//go:embed openapi.json
var openAPI []byte

// OpenAPI returns the contract of every route, OpenAPI 3.1, with the name that the
// session's cookie has.
func OpenAPI(cookie string) []byte {
	return bytes.ReplaceAll(openAPI, []byte("__Host-session"), []byte(cookie))
}
