-- Reminders of bills leave a denial as reminders of loans do: a contact is about a loan or about a revolving account.
ALTER TABLE contact_denial ADD COLUMN account_id uuid;
ALTER TABLE contact_denial ALTER COLUMN loan_id DROP NOT NULL;
ALTER TABLE contact_denial
    ADD CONSTRAINT contact_denial_about CHECK ((loan_id IS NULL) <> (account_id IS NULL));
