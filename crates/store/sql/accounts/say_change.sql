insert into account_changes (at, account, done_by, what) values ($1, $2, $3, $4)
