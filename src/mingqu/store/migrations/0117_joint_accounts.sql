-- Whose a revolving account's claims are, as it is of a loan (0059): of one lender one share and no slices; of a joint
-- account each slice is the owner of one funder's memorandum accounts. All accounts so far are one lender's.
ALTER TABLE spend_funding ADD COLUMN funders uuid[], ADD COLUMN shares_ppm bigint[], ADD COLUMN slices uuid[];
ALTER TABLE spend_funding DISABLE TRIGGER loan_funding_stays;
UPDATE spend_funding f SET funders = ARRAY[a.lender_id], shares_ppm = ARRAY[1000000], slices = '{}'
FROM spend_account a WHERE a.cell = f.cell AND a.account_id = f.account_id;
ALTER TABLE spend_funding ENABLE TRIGGER loan_funding_stays;
ALTER TABLE spend_funding
    ALTER COLUMN funders SET NOT NULL,
    ALTER COLUMN shares_ppm SET NOT NULL,
    ALTER COLUMN slices SET NOT NULL,
    ADD CHECK (cardinality(funders) BETWEEN 1 AND 2),
    ADD CHECK (cardinality(shares_ppm) = cardinality(funders)),
    ADD CHECK (cardinality(slices) = CASE cardinality(funders) WHEN 1 THEN 0 ELSE cardinality(funders) END);

-- The joint sources that were named to whoever agreed to an account, as JSON; none: no joint source may fund it.
ALTER TABLE spend_account ADD COLUMN named text;
