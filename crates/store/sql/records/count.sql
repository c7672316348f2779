select count(*) as records from records where subject = $1
