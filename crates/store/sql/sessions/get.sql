select hash, account, made_at, seen_at, expires_at from sessions where hash = $1
