package web

// RequestIDPattern is what a client's X-Request-ID must match to be taken over.
const RequestIDPattern = `^[A-Za-z0-9._:/+=@-]{1,128}$`

// The header names are those of the IETF draft "The Idempotency-Key HTTP Header
// Field", and of those who have used it before the draft.
const (
	IdempotencyKey     = "Idempotency-Key"
	IdempotentReplayed = "Idempotent-Replayed"
)

// IdempotencyKeyPattern is what the header may be: a string as the draft has it,
// in quotes, or the bare text that most clients send. A bare one has no comma, by
// which two headers could have been joined, and no semicolon, after which the
// draft's syntax has parameters. The groups are the text in quotes and the bare one.
const IdempotencyKeyPattern = `^(?:"((?:[ !#-\[\]-~]|\\["\\]){1,255})"|([!#-+\--:<-\[\]-~]{1,255}))$`
