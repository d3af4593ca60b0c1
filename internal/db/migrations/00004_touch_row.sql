-- +goose Up

-- For every table with the columns version and updated_at: they are the table's
-- own business, so that no client, psql included, can change a row behind its
-- ETag. A migration gives its table the trigger:
--   CREATE TRIGGER notes_touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch_row();
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION touch_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at);
    RETURN NEW;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- Tables of earlier migrations may use it: the last of them takes it along.
-- +goose StatementBegin
DO $$
BEGIN
    DROP FUNCTION touch_row();
EXCEPTION WHEN dependent_objects_still_exist THEN
    NULL;
END
$$;
-- +goose StatementEnd
