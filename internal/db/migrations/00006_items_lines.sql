-- +goose Up

-- What a reader, a terminal or a worker would stumble over in a title or a URL.
-- Rows that are there already stay, and may change in all else: a CHECK, NOT
-- VALID too, would refuse each later update of such a row, so these are triggers,
-- which look at what is written alone. The characters are spelled out, as the
-- classes of regular expressions depend on the server.
-- +goose StatementBegin
CREATE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'new row for relation "%" breaks rule "%"', TG_TABLE_NAME, TG_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
END
$$;
-- +goose StatementEnd

-- Control characters, line separators, and what turns the direction of writing.
CREATE TRIGGER items_title_line BEFORE INSERT OR UPDATE OF title ON items FOR EACH ROW
    WHEN (NEW.title ~ '[\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]')
    EXECUTE FUNCTION refuse_row();

-- Nothing but white space and characters that are not shown.
CREATE TRIGGER items_title_visible BEFORE INSERT OR UPDATE OF title ON items FOR EACH ROW
    WHEN (NEW.title <> '' AND NEW.title !~ '[^\u0009-\u000D\u0020\u0085\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]')
    EXECUTE FUNCTION refuse_row();

-- White space, control and invisible characters, backslashes.
CREATE TRIGGER items_audio_url_encoded BEFORE INSERT OR UPDATE OF audio_url ON items FOR EACH ROW
    WHEN (NEW.audio_url ~ '[\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF\\]')
    EXECUTE FUNCTION refuse_row();

CREATE TRIGGER items_audio_url_no_password BEFORE INSERT OR UPDATE OF audio_url ON items FOR EACH ROW
    WHEN (NEW.audio_url ~ '^[^/?#]*//[^/?#]*@')
    EXECUTE FUNCTION refuse_row();

-- +goose Down
DROP TRIGGER items_audio_url_no_password ON items;
DROP TRIGGER items_audio_url_encoded ON items;
DROP TRIGGER items_title_visible ON items;
DROP TRIGGER items_title_line ON items;
DROP FUNCTION refuse_row();
