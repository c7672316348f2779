select hash, account, made_at, seen_at, expires_at from sessions where account = $1
order by made_at, hash
