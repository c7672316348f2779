-- Until the connection ends, however that is: a role that one process at a time has. The form with
-- two keys leaves the other to `content.sql`; 1 is the sequencer's.
select cast(case when pg_try_advisory_lock(20261122, cast($1 as integer)) then 1 else 0 end as bigint) as held
