delete from tried where until <= $1
