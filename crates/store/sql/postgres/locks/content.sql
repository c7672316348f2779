-- Until the end of the transaction: of two documents with the same bytes that enter at once, one
-- must see the other. $1 is taken from the keyed code of the bytes.
select pg_advisory_xact_lock($1)
