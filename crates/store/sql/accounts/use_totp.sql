update accounts set totp_used = $2 where name = $1 and (totp_used is null or totp_used < $2)
