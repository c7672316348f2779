delete from tried where code = $1
