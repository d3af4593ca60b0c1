-- +goose Up

-- Language tags have no case. Stored in the usual one (pt-BR, zh-Hant-TW), equal
-- ones are found together. models.CanonicalLanguage is the same in Go.
-- +goose StatementBegin
CREATE FUNCTION canonical_language(tag text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    parts text[] := string_to_array(lower(tag), '-');
BEGIN
    FOR i IN 1 .. cardinality(parts) LOOP
        EXIT WHEN length(parts[i]) = 1; -- what follows, an extension or private use, is in lower case
        IF i > 1 AND length(parts[i]) = 2 THEN
            parts[i] := upper(parts[i]);
        ELSIF i > 1 AND length(parts[i]) = 4 THEN
            parts[i] := upper(left(parts[i], 1)) || substr(parts[i], 2);
        END IF;
    END LOOP;
    RETURN array_to_string(parts, '-');
END
$$;
-- +goose StatementEnd

UPDATE items SET language = canonical_language(language) WHERE language <> canonical_language(language);

-- Other clients of the database may write a tag in any case, too.
-- +goose StatementBegin
CREATE FUNCTION canonical_item_language() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.language := canonical_language(NEW.language);
    RETURN NEW;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER items_language BEFORE INSERT OR UPDATE OF language ON items
    FOR EACH ROW EXECUTE FUNCTION canonical_item_language();

-- +goose Down
DROP TRIGGER items_language ON items;
DROP FUNCTION canonical_item_language();
DROP FUNCTION canonical_language(text);
