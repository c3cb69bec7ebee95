package server

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
)

// CookieSuffix differs between the checkouts on one machine, and is empty in production.
// Browsers send the cookies of a host to all its ports, so that two services would sign
// each other's users out.
func (p *Process) CookieSuffix() string {
	if p.Settings.Env == Production {
		return ""
	}
	checkout, _ := os.Getwd() // without it, all have the same suffix
	sum := sha256.Sum256([]byte(checkout))
	return "-" + hex.EncodeToString(sum[:4])
}
