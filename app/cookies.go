package app

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
)

// cookieSuffix tells checkouts apart: browsers send the cookies of a host to all its
// ports, so two services on one machine would sign each other's users out.
func cookieSuffix() (string, error) {
	checkout, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	sum := sha256.Sum256([]byte(checkout))
	return "-" + hex.EncodeToString(sum[:4]), nil
}
