package handlers

import "crypto/sha256"

// LockOfKey is the advisory lock that a request with this Idempotency-Key holds; without an API key everybody is one caller.
func LockOfKey(apiKey, method, route, key string) int64 {
	who := ""
	if apiKey != "" {
		sum := sha256.Sum256([]byte(apiKey))
		who = string(sum[:])
	}
	return lockNumber(digest(who, method, route), key)
}
