update tokens set seen_at = $2 where hash = $1
