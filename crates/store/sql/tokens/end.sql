delete from tokens where account = $1 and label = $2
