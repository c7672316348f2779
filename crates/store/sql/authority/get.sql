select id from authority
