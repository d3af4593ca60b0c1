// Package app is what surrounds the routes of any service: the session of a
// request and its held-back answer, errors, idempotency, access, CORS, time limit,
// log, metrics, health, and the documents. It is used, not edited. Package handlers
// says which routes there are; package web reads and writes for them.
package app
