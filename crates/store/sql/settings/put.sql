insert into settings (digest, json) values ($1, $2) on conflict (digest) do nothing
