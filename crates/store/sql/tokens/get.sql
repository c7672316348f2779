select hash, account, label, uses, made_at, seen_at, expires_at from tokens where hash = $1
