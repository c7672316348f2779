select name, shown, grants, password, totp, totp_used, disabled, made_at from accounts
