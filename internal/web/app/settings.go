package app

import (
	"fmt"
	"io"
	"time"
)

// Settings are what the machinery is told by the environment. The values are taken as they are, since package config
// has checked them.
type Settings struct {
	RequestTimeout     time.Duration // for one request, its body and its answer included; then 504
	MaxBodyBytes       int64         // larger bodies get 413
	IdempotencyTTL     time.Duration // an Idempotency-Key is remembered so long; 0: a day
	APIKeys            []string      // secret; one of them must come as a bearer token; none: everybody may call
	CORSAllowedOrigins []string      // that browsers may call from, as browsers write them, or "*" alone; none: no other
	TrustedProxies     []string      // IP addresses and CIDR networks whose X-Forwarded-For is believed
}

// String names the settings without the keys.
func (s Settings) String() string {
	return fmt.Sprintf("[%d keys, %v a request, %d bytes a body]", len(s.APIKeys), s.RequestTimeout, s.MaxBodyBytes)
}

// Format keeps the keys out of every verb: String alone would leave %#v and %x.
func (s Settings) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText keeps the keys out of JSON, XML and logs.
func (s Settings) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
