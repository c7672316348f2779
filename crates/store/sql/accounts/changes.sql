select at, account, done_by, what from account_changes where $1 is null or account = $1 order by ord
