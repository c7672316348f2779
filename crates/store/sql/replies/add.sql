insert into replies (account, key, asked, status, body, at) values ($1, $2, $3, $4, $5, $6)
on conflict (account, key) do nothing
