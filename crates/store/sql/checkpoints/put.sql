insert into checkpoints (size, note) values ($1, $2) on conflict (size) do nothing
