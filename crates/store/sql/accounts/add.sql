insert into accounts (name, shown, grants, password, totp, totp_used, disabled, made_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (name) do nothing
