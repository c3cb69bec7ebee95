package app_test

import (
	"io"
	"net/http"
	"testing"
)

// HTTP/1.0 knows no chunks: its clients would take their sizes for data, or a cut
// answer for a whole one.
func TestHTTP10_StreamsAre505AndAllElseHasALength(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.product()
	for path, want := range map[string]int{
		productsPath + "/export?format=json":   http.StatusHTTPVersionNotSupported,
		productsPath + "/export?format=ndjson": http.StatusHTTPVersionNotSupported,
		productsPath + "/export?format=csv":    http.StatusHTTPVersionNotSupported,
		productsPath:                           http.StatusOK,
		product:                                http.StatusOK,
		"/":                                    http.StatusOK,
		"/openapi.json":                        http.StatusOK,
		"/static/prefab.css":                   http.StatusOK,
		"/health":                              http.StatusOK,
		"/nowhere":                             http.StatusNotFound,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			for _, header := range []string{"", "Accept-Encoding: gzip\r\n", "Connection: keep-alive\r\n"} {
				w := s.dial()
				w.send(method + " " + path + " HTTP/1.0\r\nHost: x\r\n" + header +
					"Cookie: " + sessionCookie + "=" + admin.cookie(sessionCookie) + "\r\n\r\n")
				response, err := http.ReadResponse(w.in, &http.Request{Method: method})
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || response.StatusCode != want || response.ContentLength < 0 || len(response.TransferEncoding) > 0 {
					t.Errorf("%s %s %s: %d with %v, %d bytes: %v", method, path, header, response.StatusCode, response.Header, len(body), err)
				}
			}
		}
	}
}
