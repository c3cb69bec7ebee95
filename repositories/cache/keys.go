package cache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Everything is a tag of all values. Its generation is the epoch.
const Everything = "*"

const (
	nonceLength   = 16
	maxPlainName  = 100
	unsafeInNames = "{} \r\n\t\x00"
)

// Keys in Redis. The home of a tag is the tag up to its first "/", the home of a value is
// that of its first tag: "product:42" for what belongs to "product:42/stock". All keys of
// one home lie in one slot of a Cluster, so that one script can use them.
//
//	{product:42}:g                 the generation of product:42
//	{product:42}:g/stock           the generation of product:42/stock
//	{product:42}:e:page:<key>      an entry
//	{product:42}:l:page:<key>      the lease of its loader

func homeOf(tag string) string {
	home, _, _ := strings.Cut(tag, "/")
	return home
}

func (t *Table[V]) home(key string, tags []string) string {
	if len(tags) > 0 {
		return homeOf(tags[0])
	}
	return t.options.Name + ":" + key
}

func (c *Cache) generationKey(tag string) string {
	home, below, found := strings.Cut(tag, "/")
	key := c.options.Prefix + "{" + name(home) + "}:g"
	if found {
		key += "/" + name(below)
	}
	return key
}

func (c *Cache) entryKey(home, table, key string) string {
	return c.options.Prefix + "{" + name(home) + "}:e:" + table + ":" + name(key)
}

func leaseKey(entryKey string) string { return strings.Replace(entryKey, "}:e:", "}:l:", 1) }

// generationKeys returns the keys of the generations of tags and of Everything: those in
// the slot of home, and those elsewhere in a Cluster.
func (c *Cache) generationKeys(home string, tags []string) (here, elsewhere []string) {
	here = make([]string, 0, len(tags)+1)
	add := func(tag string) {
		if c.single != nil || homeOf(tag) == home {
			here = append(here, c.generationKey(tag))
		} else {
			elsewhere = append(elsewhere, c.generationKey(tag))
		}
	}
	for _, tag := range tags {
		add(tag)
	}
	add(Everything)
	return here, elsewhere
}

// nonce returns a generation that never existed before. It needs no order, so a clock
// that goes back cannot bring an old one back.
func nonce() string {
	var b [nonceLength / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// name returns a tag or key as a Redis key can hold it: itself, if it is short and plain.
func name(s string) string {
	if len(s) <= maxPlainName && !strings.ContainsAny(s, unsafeInNames) && !strings.HasPrefix(s, "#") {
		return s
	}
	return "#" + digest(s)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
