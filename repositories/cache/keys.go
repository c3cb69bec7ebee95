package cache

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// Everything is the tag that all values have. Its generation is the epoch.
const Everything = "*"

const (
	nonceLength    = 16
	maxPlainName   = 100
	unsafeInNames  = "{} \r\n\t\x00"
	hashedNameMark = "#"
)

// Keys in Redis. A tag, the tags below it and the values whose first tag it is have
// one home: their keys lie in one slot of a cluster, so that one script can use them.
// The home of "product:42" and of "product:42/stock" is "product:42".
//
//	{product:42}:g                 the generation of product:42
//	{product:42}:g/stock           that of product:42/stock
//	{product:42}:e:page:<key>      an entry
//	{product:42}:l:page:<key>      the lease of who loads it

func homeOf(tag string) string {
	home, _, _ := strings.Cut(tag, "/")
	return home
}

// home is where a value with these tags lies.
func (t *Table[V]) home(key string, tags []string) string {
	if len(tags) > 0 {
		return homeOf(tags[0])
	}
	return t.options.Name + ":" + key
}

func (c *Cache) generationKey(tag string) string {
	home, below, found := strings.Cut(tag, "/")
	key := c.prefix + "{" + name(home) + "}:g"
	if found {
		key += "/" + name(below)
	}
	return key
}

func (c *Cache) entryKey(home, table, key string) string {
	return c.prefix + "{" + name(home) + "}:e:" + table + ":" + name(key)
}

func leaseKey(entryKey string) string { return strings.Replace(entryKey, "}:e:", "}:l:", 1) }

// generationKeys returns the generations of a value's tags and of Everything, and how
// many of the first ones one script can use together with the keys of home.
func (c *Cache) generationKeys(home string, tags []string) (keys []string, local int) {
	keys = make([]string, 0, len(tags)+1)
	var elsewhere []string
	for _, tag := range tags {
		if c.single == nil && homeOf(tag) != home {
			elsewhere = append(elsewhere, c.generationKey(tag))
			continue
		}
		keys = append(keys, c.generationKey(tag))
	}
	if c.single != nil {
		keys = append(keys, c.generationKey(Everything))
		return keys, len(keys)
	}
	local = len(keys)
	return append(append(keys, elsewhere...), c.generationKey(Everything)), local
}

// nonce is a generation that never was before and never will be again. It needs no
// order, only to differ; so neither a clock that goes back nor a lost key can bring
// an old one to life.
func nonce() string {
	var b [nonceLength / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// name is the form of a tag or key that a Redis key can hold in its hash tag:
// itself as long as it is short and plain, so that people can find it.
func name(s string) string {
	if len(s) <= maxPlainName && !strings.ContainsAny(s, unsafeInNames) && !strings.HasPrefix(s, hashedNameMark) {
		return s
	}
	return hashedNameMark + digest(s)
}
