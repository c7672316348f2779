-- No conflict clause: another run that made the same edition meanwhile is an error, and the
-- caller looks again.
insert into editions (
    reconciler, pipeline, period, number, subject, run_key, artifact, made_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8)
