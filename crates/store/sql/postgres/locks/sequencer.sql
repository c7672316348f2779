-- Until the end of the transaction. The form with two keys leaves the other to `content.sql`.
select pg_advisory_xact_lock(20261121, 1)
