package openapi

import (
	"net/http"
	"slices"
	"strconv"
)

func (b *builder) responses(op Operation) members {
	success := op.success()
	m := members{{strconv.Itoa(success), b.success(op, success)}}
	switch {
	case op.isPage() && op.isRead() && op.Guard != Anybody:
		m.add("303", b.ref("responses", "SeeOther")) // to sign in
	case op.isPublicRead() && !slices.Contains(op.Never, http.StatusNotModified):
		name := "Unchanged"
		if op.Versioned {
			name = "UnchangedRow"
		}
		m.add("304", b.ref("responses", name))
	}
	for _, other := range op.Others {
		status := strconv.Itoa(other.Status)
		if (other.Answer == Page{}) {
			m.add(status, b.ref("responses", "SeeOther"))
			continue
		}
		m.add(status, Schema{
			"description": other.Says, "headers": b.headers("X-Request-Id"),
			"content": Schema{jsonType: b.content(b.schema(other.Answer), other.Answer)},
		})
	}
	for _, status := range op.errors() {
		m.add(strconv.Itoa(status), b.problem(op, status))
	}
	m.add("default", b.ref("responses", "Refused"))
	return m
}

func (b *builder) success(op Operation, status int) Schema {
	switch {
	case status == http.StatusSeeOther:
		return b.ref("responses", "SeeOther")
	case op.isFile():
		return b.ref("responses", "File")
	case op.isPage() && op.isRead() && !op.Cached:
		return b.ref("responses", "Page")
	case status == http.StatusNoContent && op.Headers == nil:
		return b.ref("responses", "Done")
	}
	names := append([]string{"X-Request-Id"}, op.Headers...)
	switch {
	case op.Versioned && status == http.StatusCreated:
		names = append(names, "Location", "VersionTag")
	case op.Versioned:
		names = append(names, "VersionTag")
	case op.isPublicRead():
		names = append(names, "EntityTag")
	}
	if op.Cached {
		names = append(names, "Cache-Control", "Cache-Status", "Age", "Vary")
	}
	if op.isAPI() {
		names = append(names, "RateLimit", "RateLimit-Policy")
	}
	if !op.isRead() && !slices.Contains(names, "Set-Cookie") {
		names = append(names, "ChangedCookie")
	}
	says := op.Says
	switch {
	case says != "":
	case op.Cached:
		says = "As it is now, or was a moment ago."
	case status == http.StatusCreated:
		says = "As it was stored."
	default:
		says = "As it is now."
	}
	response := Schema{"description": says, "headers": b.headers(names...)}
	content := Schema{}
	for media, value := range op.Media {
		content[media] = b.content(b.schema(value), value)
	}
	switch {
	case op.isPage():
		content[htmlType] = Schema{"schema": b.ref("schemas", "HTML")}
	case op.Answer != nil:
		content[jsonType] = b.content(b.schema(op.Answer), op.Answer)
	}
	if len(content) > 0 {
		response["content"] = content
	}
	return response
}
