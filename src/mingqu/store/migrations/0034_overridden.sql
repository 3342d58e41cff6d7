-- A review also ends by two people setting the refusal aside (0029 said so, and 0033 named the outcomes anew without it).
ALTER TABLE review DROP CONSTRAINT review_outcome_check;
ALTER TABLE review ADD CONSTRAINT review_outcome_check
    CHECK (outcome IN ('upheld', 'reassess', 'answered', 'overridden', 'phishing', 'genuine'));
