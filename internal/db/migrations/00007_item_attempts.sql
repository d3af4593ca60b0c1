-- +goose Up

-- How often a worker of "api work" has begun with an item, so that one which no
-- worker survives is not begun for ever, and from when on a pending item may be begun.
ALTER TABLE items ADD COLUMN attempts integer NOT NULL DEFAULT 0, ADD COLUMN retry_at timestamptz;

COMMENT ON COLUMN items.attempts IS 'of workers, since the item was made or a client moved it back to pending';
COMMENT ON COLUMN items.retry_at IS 'no worker begins before; null: at once';

-- A worker that puts an item back says when it may be begun again. Whoever else
-- moves an item to pending wants it done anew, and all attempts are open again.
-- +goose StatementBegin
CREATE FUNCTION count_item_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'pending' THEN
        NEW.retry_at := NULL;
    ELSIF NEW.retry_at IS NULL THEN
        NEW.attempts := 0;
        NEW.retry_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER items_attempts BEFORE UPDATE OF status ON items FOR EACH ROW EXECUTE FUNCTION count_item_attempts();

-- +goose Down
DROP TRIGGER items_attempts ON items;
DROP FUNCTION count_item_attempts();
ALTER TABLE items DROP COLUMN attempts, DROP COLUMN retry_at;
