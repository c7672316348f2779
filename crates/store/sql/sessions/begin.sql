insert into sessions (hash, account, made_at, seen_at, expires_at) values ($1, $2, $3, $4, $5)
