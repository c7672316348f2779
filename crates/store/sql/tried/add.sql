insert into tried (code, failures, until) values ($1, $2, $3) on conflict (code) do nothing
