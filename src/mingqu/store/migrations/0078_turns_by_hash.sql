-- A close finds everything by its keys and has joins by hashes turned off. The rows of a statement before and after it have
-- no keys: without hashes each loan of a chunk was compared with each, five hundred times five hundred, to see whose
-- standing took a turn.
ALTER FUNCTION note_turns() SET enable_hashjoin = on;
