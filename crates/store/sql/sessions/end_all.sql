delete from sessions where account = $1
