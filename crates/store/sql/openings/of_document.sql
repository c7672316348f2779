select document, account, part, at from openings where document = $1 order by ord
