insert into tokens (hash, account, label, uses, made_at, seen_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (account, label) do nothing
