package prefork

import (
	"encoding/binary"
	"fmt"
	"io"
)

// What goes over a worker's socket is framed: a byte for the kind, four for the
// length, and the body.
const (
	frameReady   = 'r' // the worker serves from now on
	frameMessage = 'm' // from Worker.Send
	frameSlots   = 's' // to the worker: all slots, as JSON
	frameReplace = 'x' // to the worker: another one has taken its place

	frameLimit = 4 << 20 // bytes; a longer frame is a protocol error
)

func writeFrame(w io.Writer, kind byte, body []byte) error {
	if len(body) > frameLimit {
		return fmt.Errorf("a message of %d bytes is longer than %d", len(body), frameLimit)
	}
	frame := make([]byte, 0, 5+len(body))
	frame = append(frame, kind)
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(body)))
	if _, err := w.Write(append(frame, body...)); err != nil {
		return fmt.Errorf("write to the other side: %w", err)
	}
	return nil
}

func readFrame(r io.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, fmt.Errorf("read from the other side: %w", err)
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > frameLimit {
		return 0, nil, fmt.Errorf("a message of %d bytes is longer than %d", size, frameLimit)
	}
	body = make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, fmt.Errorf("read from the other side: %w", err)
	}
	return head[0], body, nil
}
