-- Tables of card prefixes that an acquirer gave, each from a business date on; the newest that holds is read.
CREATE TABLE card_bin_table (
    version    integer     PRIMARY KEY CHECK (version > 0),
    holds_from date        NOT NULL,
    loaded_at  timestamptz NOT NULL,
    rows       integer     NOT NULL CHECK (rows > 0),
    file_hash  bytea       NOT NULL,
    UNIQUE (holds_from, file_hash)
);
CREATE TABLE card_bin (
    version integer  NOT NULL REFERENCES card_bin_table (version),
    prefix  text     NOT NULL,
    digits  smallint NOT NULL CHECK (digits BETWEEN 16 AND 19),
    issuer  text     NOT NULL,
    name_zh text     NOT NULL,
    name_en text     NOT NULL,
    kind    text     NOT NULL,
    PRIMARY KEY (version, prefix, digits)
);

CREATE FUNCTION card_bin_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a table of card prefixes that was loaded is neither changed nor deleted';
END
$$;
CREATE TRIGGER card_bin_table_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON card_bin_table
    FOR EACH STATEMENT EXECUTE FUNCTION card_bin_stays();
CREATE TRIGGER card_bin_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON card_bin
    FOR EACH STATEMENT EXECUTE FUNCTION card_bin_stays();
