package middleware

import (
	"io"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// watchedStream returns from Close that a Read failed, or ended early. Through a
// compressor fasthttp hears of no other error, and a client would take what it
// got for the whole; so the connection is cut, as without compression.
type watchedStream struct {
	io.Reader
	left   int // bytes that must still come; negative where that is not known
	failed atomic.Pointer[error]
}

func (s *watchedStream) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if s.left >= 0 {
		s.left = max(0, s.left-n)
	}
	broken := err
	if broken == io.EOF {
		broken = nil
		if s.left > 0 {
			broken = io.ErrUnexpectedEOF
		}
	}
	if broken != nil {
		s.failed.Store(&broken)
	}
	return n, err
}

func (s *watchedStream) Close() error {
	var err error
	if closer, ok := s.Reader.(io.Closer); ok {
		err = closer.Close()
	}
	if failed := s.failed.Load(); failed != nil {
		return *failed
	}
	return err
}

// watchStream puts a watchedStream in the place of the response's stream.
func watchStream(response *fasthttp.Response) {
	stream, size := &watchedStream{Reader: response.BodyStream()}, response.Header.ContentLength()
	stream.left = size
	var header fasthttp.ResponseHeader
	response.Header.CopyTo(&header)
	// A stream that is replaced in the ordinary way is closed.
	*response = fasthttp.Response{ImmediateHeaderFlush: response.ImmediateHeaderFlush}
	header.CopyTo(&response.Header)
	response.SetBodyStream(stream, size)
}
