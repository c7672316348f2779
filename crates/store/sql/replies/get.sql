select account, key, asked, status, body, at from replies where account = $1 and key = $2
