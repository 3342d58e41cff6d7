-- Which source funds a loan, as it was routed: by which version of the plan, and whose the loan is. A loan of one lender
-- has one share and no slices; of a joint loan each slice is the owner of one funder's memorandum accounts.
CREATE TABLE loan_funding (
    cell         smallint    NOT NULL,
    loan_id      uuid        NOT NULL,
    product_id   text        NOT NULL COLLATE "C",
    plan_version integer     NOT NULL CHECK (plan_version >= 1),
    source_id    text        NOT NULL COLLATE "C",
    funders      uuid[]      NOT NULL CHECK (cardinality(funders) BETWEEN 1 AND 2),
    shares_ppm   bigint[]    NOT NULL CHECK (cardinality(shares_ppm) = cardinality(funders)),
    slices       uuid[]      NOT NULL
                 CHECK (cardinality(slices) = CASE cardinality(funders) WHEN 1 THEN 0 ELSE cardinality(funders) END),
    routed_at    timestamptz NOT NULL,
    PRIMARY KEY (cell, loan_id),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id)
);

CREATE FUNCTION loan_funding_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'which source funds a loan is neither changed nor deleted';
END
$$;
CREATE TRIGGER loan_funding_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON loan_funding
    FOR EACH STATEMENT EXECUTE FUNCTION loan_funding_stays();
