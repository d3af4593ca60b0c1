-- +goose Up

-- Times go out as RFC 3339 has them, with years of four digits and no infinity: one row with another time, which a
-- client of the database may insert, would make an error of every page that it is on. NOT VALID: rows that are there
-- are not looked at, so that none is in the way.
ALTER TABLE items ADD CONSTRAINT items_times CHECK (
    least(created_at, updated_at, lease_until, retry_at) >= '0001-01-01 00:00Z'
    AND greatest(created_at, updated_at, lease_until, retry_at) < '10000-01-01 00:00Z') NOT VALID;

-- +goose Down
ALTER TABLE items DROP CONSTRAINT items_times;
