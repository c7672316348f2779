insert into openings (document, account, part, at) values ($1, $2, $3, $4)
