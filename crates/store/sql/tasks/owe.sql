-- A task that is already owed keeps its attempts and its place.
insert into tasks (document, pipeline, stage, generation, class)
values ($1, $2, $3, $4, $5)
on conflict (document, stage, generation) do nothing
