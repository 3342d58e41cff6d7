-- A morning of bills writes each account and a bill of it, a million in a night. The foreign key was asked row by row, for
-- accounts that are never deleted and that the same transaction has just read; `verify` proves the same of all at once.
-- A snapshot of two thousand bytes is written anew each month: compressing it costs more than the room it takes.
ALTER TABLE spend_statement DROP CONSTRAINT spend_statement_cell_account_id_fkey;
ALTER TABLE spend_account SET (toast_tuple_target = 8160, fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
