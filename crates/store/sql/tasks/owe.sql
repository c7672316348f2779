-- A task that is already owed keeps its attempts and its place. Its row is locked all the same:
-- whoever is finishing it then sees what this transaction writes, or has finished before.
insert into tasks (document, pipeline, stage, generation, class)
values ($1, $2, $3, $4, $5)
on conflict (document, stage, generation) do update set attempts = tasks.attempts
