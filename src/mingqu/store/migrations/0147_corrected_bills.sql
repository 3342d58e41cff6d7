-- A bill that was issued stays as it was sent. When a draw that is in it came back, its account is told again without it,
-- and what the bill comes to then stands beside it, under the number of the event that said so: the last one counts.
CREATE TABLE spend_bill_corrected (
    cell         smallint NOT NULL,
    account_id   uuid     NOT NULL,
    number       integer  NOT NULL,
    event_number integer  NOT NULL CHECK (event_number > 0),
    body         bytea    NOT NULL,
    PRIMARY KEY (cell, account_id, number, event_number),
    FOREIGN KEY (cell, account_id, number) REFERENCES spend_statement (cell, account_id, number)
);
CREATE TRIGGER spend_bill_corrected_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON spend_bill_corrected
    FOR EACH STATEMENT EXECUTE FUNCTION spend_stays();
