-- +goose Up

-- Until when a worker of "api work" has an item. Who claims an item otherwise, as
-- a client that moves its status to processing, has no lease, and as long as it likes.
ALTER TABLE items ADD COLUMN lease_until timestamptz;

COMMENT ON COLUMN items.lease_until IS 'then the worker counts as dead, and another one may have the item';

-- Whoever ends the processing ends the lease, and by that the right of the worker
-- to say how it went.
-- +goose StatementBegin
CREATE FUNCTION end_item_lease() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.lease_until := NULL;
    RETURN NEW;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER items_lease BEFORE UPDATE OF status ON items
    FOR EACH ROW WHEN (NEW.status <> 'processing') EXECUTE FUNCTION end_item_lease();

-- +goose Down
DROP TRIGGER items_lease ON items;
DROP FUNCTION end_item_lease();
ALTER TABLE items DROP COLUMN lease_until;
