-- The latest orders of all merchants are looked at in the console.
CREATE INDEX checkout_opened ON checkout (cell, opened_at);
