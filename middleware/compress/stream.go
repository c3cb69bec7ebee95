package compress

import (
	"io"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// checkedStream returns from Close the error of a Read that failed or ended early. Behind
// a compressor fasthttp sees no other error; it then cuts the connection, so that the
// client does not take a part for the whole.
type checkedStream struct {
	io.Reader
	left   int // bytes that must still come; negative if unknown
	failed atomic.Pointer[error]
}

func (s *checkedStream) Read(p []byte) (int, error) {
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

func (s *checkedStream) Close() error {
	var err error
	if closer, ok := s.Reader.(io.Closer); ok {
		err = closer.Close()
	}
	if failed := s.failed.Load(); failed != nil {
		return *failed
	}
	return err
}

// checkStream replaces the response's stream by a checkedStream.
func checkStream(response *fasthttp.Response) {
	stream, size := &checkedStream{Reader: response.BodyStream()}, response.Header.ContentLength()
	stream.left = size
	var header fasthttp.ResponseHeader
	response.Header.CopyTo(&header)
	// SetBodyStream on the old response would close the stream.
	*response = fasthttp.Response{ImmediateHeaderFlush: response.ImmediateHeaderFlush}
	header.CopyTo(&response.Header)
	response.SetBodyStream(stream, size)
}
