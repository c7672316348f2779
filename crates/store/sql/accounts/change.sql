-- The step of the last code that served counts for one secret only.
update accounts
set shown = $2, grants = $3, password = $4, totp = $5, disabled = $6,
    totp_used = case when totp = $5 then totp_used end
where name = $1
