package docs

// What the tests look into.
const (
	Immutable  = immutable
	Policy     = policy
	Revalidate = revalidate
)

var (
	AcceptsGzip = acceptsGzip
	Files       = files
	Unzip       = unzip
)
