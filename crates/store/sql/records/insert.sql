-- No row is written when the run is already recorded: the first record stands.
insert into records (run_key, generation, subject, activity, outcome, bytes)
values ($1, $2, $3, $4, $5, $6)
on conflict (run_key, generation) do nothing
