-- What people report as suspicious is a request to look at (work of kind person_asked, wish suspicious), answered with
-- whether the message was ours.
ALTER TABLE review DROP CONSTRAINT review_outcome_check;
ALTER TABLE review ADD CONSTRAINT review_outcome_check
    CHECK (outcome IN ('upheld', 'reassess', 'answered', 'phishing', 'genuine'));
