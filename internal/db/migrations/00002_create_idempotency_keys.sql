-- +goose Up

-- The answers to requests that came with an Idempotency-Key, each committed in
-- the transaction of its request. A row without an answer is a request that
-- still runs: nobody but its own transaction sees it.
CREATE TABLE idempotency_keys (
    scope      bytea       NOT NULL,
    key        text        NOT NULL,
    request    bytea       NOT NULL,
    status     integer,
    headers    bytea,
    body       bytea,
    created_at timestamptz NOT NULL DEFAULT now(),

    PRIMARY KEY (scope, key),
    CONSTRAINT idempotency_keys_scope_digest   CHECK (octet_length(scope) = 32),
    CONSTRAINT idempotency_keys_key_length     CHECK (char_length(key) BETWEEN 1 AND 255),
    CONSTRAINT idempotency_keys_request_digest CHECK (octet_length(request) = 32),
    CONSTRAINT idempotency_keys_status_success CHECK (status BETWEEN 200 AND 399),
    CONSTRAINT idempotency_keys_answer_whole   CHECK (num_nulls(status, headers, body) IN (0, 3))
);

COMMENT ON COLUMN idempotency_keys.scope IS 'SHA-256 of caller, method and route: a key means nothing outside of it';
COMMENT ON COLUMN idempotency_keys.request IS 'SHA-256 of what must be the same when the key comes again';
COMMENT ON COLUMN idempotency_keys.headers IS 'as in HTTP: Name: value, a line each';

-- For the clean-up, which deletes the oldest first.
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- +goose Down
DROP TABLE idempotency_keys;
